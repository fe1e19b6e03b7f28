# A webhook pipeline, and an observability stack that watches it: both in one apply, by plain references. The names are known only
# after apply, and the plan shows the watching stack all the same.
terraform {
  required_providers {
    tap = {
      source = "tap-platform/tap"
    }
  }
}

provider "tap" {}

resource "tap_webhook_pipeline" "main" {
  environment_suffix  = "dev"
  lambda_architecture = "x86_64"

  # The canary asks from outside, without a signature or a key: what it wants to see is a locked door that answers.
  api = {
    authorization = "api_key"
  }

  force_destroy       = true # a try-out
  deletion_protection = false
}

resource "tap_observability_stack" "watch" {
  environment_suffix  = "dev"
  lambda_architecture = "x86_64"

  # Errors and requests of the pipeline's API.
  api = {
    name  = tap_webhook_pipeline.main.api_name
    stage = tap_webhook_pipeline.main.api_stage
  }

  # Errors of each of its functions.
  lambda_error_alarm = {
    threshold_percent = 5
    function_names = {
      validator = tap_webhook_pipeline.main.function_names["validator"]
      publisher = tap_webhook_pipeline.main.function_names["publisher"]
      fraud     = tap_webhook_pipeline.main.function_names["fraud"]
    }
  }

  # The pipeline's access logs already hold what the filter reads.
  latency_filter = {
    log_group_name = tap_webhook_pipeline.main.log_group_names["api"]
  }
  latency_alarm = {
    enabled      = true
    threshold_ms = 2000
  }

  # There is enough to watch: no function of its own.
  lambda = {
    enabled = false
  }

  canary = {
    url                 = tap_webhook_pipeline.main.webhook_url
    method              = "POST"
    expected_status_min = 403
    expected_status_max = 403
  }

  force_destroy = true
}

output "webhook_url" {
  value = tap_webhook_pipeline.main.webhook_url
}

output "alarm_names" {
  value = tap_observability_stack.watch.alarm_names
}
