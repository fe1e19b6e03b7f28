# A payment stack, and an observability stack that watches it: both in one apply, by plain references. Which functions there are
# is known only after apply, so the plan says "known after apply" of the watching stack's parts; with the functions named one by
# one (`tap_payment_stack.main.lambda_function_names["us-east-1/processor"]`) it would show them.
terraform {
  required_providers {
    tap = {
      source = "tap-platform/tap"
    }
  }
}

locals {
  # Alarms see the metrics of their own region only: a second region wants a second watching stack, with a provider there.
  watched_region = "us-east-1"
}

provider "tap" {
  region = local.watched_region
}

resource "tap_payment_stack" "main" {
  environment_suffix  = "dev"
  lambda_architecture = "x86_64"
  regions             = ["us-east-1"]

  force_destroy       = true # a try-out
  deletion_protection = false
}

resource "tap_observability_stack" "watch" {
  environment_suffix  = "dev"
  lambda_architecture = "x86_64"

  # Errors and requests of the payment API.
  api = {
    name  = tap_payment_stack.main.api_name
    stage = tap_payment_stack.main.api_stage
  }

  # Errors of each of its functions, `<region>/<function>`: of the watched region's.
  lambda_error_alarm = {
    threshold_percent = 1
    min_invocations   = 20
    function_names = {
      for key, name in tap_payment_stack.main.lambda_function_names : key => name
      if startswith(key, "${local.watched_region}/")
    }
  }

  # The API's access logs already hold what the filter reads.
  latency_filter = {
    log_group_name = tap_payment_stack.main.access_log_group_names[local.watched_region]
  }
  latency_alarm = {
    enabled      = true
    threshold_ms = 3000
  }

  # There is enough to watch: no function of its own.
  lambda = {
    enabled = false
  }

  # The canary asks from outside, without a key: what it wants to see is a locked door that answers.
  canary = {
    url                 = tap_payment_stack.main.api_endpoint
    method              = "POST"
    expected_status_min = 403
    expected_status_max = 403
  }

  force_destroy = true
}

output "api_endpoint" {
  value = tap_payment_stack.main.api_endpoint
}

output "alarm_names" {
  value = tap_observability_stack.watch.alarm_names
}
