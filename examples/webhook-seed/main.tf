# The seed's stack (001): validator, fraud detector and archival behind an API, one table, one audit bucket, a bus with rules for
# high, medium and low amounts, an EXPRESS workflow, alerts by mail and phone, a dashboard. What the seed meant and could not do, or
# did and lost payments by, is mended by the provider's defaults: docs/differences-from-the-seeds.md.
terraform {
  required_providers {
    tap = {
      source = "tap-platform/tap"
    }
  }

  # The seed kept its state in S3, encrypted and locked. Uncomment and name a bucket of yours; the key names this stack, so that
  # no other one overwrites it. The lock file needs Terraform 1.10 or newer.
  # backend "s3" {
  #   bucket       = "my-terraform-states"
  #   key          = "dev/webhook-pipeline.tfstate"
  #   region       = "us-east-1"
  #   encrypt      = true
  #   use_lockfile = true
  # }
}

variable "environment_suffix" {
  type    = string
  default = "dev"
}

variable "alert_emails" {
  type        = list(string)
  description = "The seed's was alerts@example.com, where nobody reads. Each address must confirm its subscription once."
  default     = []
}

variable "alert_phones" {
  type        = list(string)
  description = "In E.164 form. The seed's, +1234567890, is nobody's number and is refused."
  default     = []
}

provider "tap" {}

resource "tap_webhook_pipeline" "this" {
  environment_suffix    = var.environment_suffix
  lambda_architecture   = "x86_64" # the seed's is arm64, the default; a provider that you have built yourself has your machine's
  log_retention_in_days = 30

  api = {
    path       = "webhook"
    stage_name = "prod"

    # The seed's API let anybody in. With a key it takes who knows it.
    authorization = "api_key"
  }

  table = {
    point_in_time_recovery = {
      recovery_period_in_days = 35
    }
  }

  audit_bucket = {
    sse_algorithm = "AES256"
    lifecycle = {
      ia_days         = 30
      glacier_days    = 90
      expiration_days = 365
    }
  }

  routing = {
    high_threshold = 10000
    low_threshold  = 1000

    # The seed's rule for low amounts had no target. "Logged for batch processing", its README says.
    low_value_target = "log"
  }

  workflow = {
    type = "EXPRESS"
    fraud_retry = {
      interval_seconds = 2
      max_attempts     = 3
      backoff_rate     = 2
    }
    notify_retry = {
      interval_seconds = 1
      max_attempts     = 2
      backoff_rate     = 2
    }
  }

  fraud = {
    amount_risk_threshold = 5000
    amount_risk_weight    = 0.3
    model_weight_max      = 0.4
    medium_risk_threshold = 0.4
    high_risk_threshold   = 0.7
  }

  # The seed had no schedule for it, and took whatever was a day old.
  archival = {
    schedule_expression = "rate(1 day)"
    min_age_hours       = 24
  }

  functions = {
    validator = { memory_size = 1024 }
    fraud     = { memory_size = 512, timeout = 60 }
    archival  = { memory_size = 512, timeout = 300 }
  }

  # One topic for everything, as the seed had it; subscriptions filter, so that people hear alarms and fraud alerts only.
  alerts_topic = {
    email_endpoints       = var.alert_emails
    sms_endpoints         = var.alert_phones
    separate_alarm_topic  = false
    separate_fraud_topic  = false
    separate_notice_topic = false
  }

  # The seed asked for "destroyable". It goes with what is in it: leave both out for real payments.
  force_destroy       = true
  deletion_protection = false
}

output "webhook_url" {
  description = "The seed's README asked for WebhookApiUrl and had no outputs."
  value       = tap_webhook_pipeline.this.webhook_url
}

output "api_key_ssm_parameter" {
  description = "Read the key with: aws ssm get-parameter --with-decryption --name <this>"
  value       = tap_webhook_pipeline.this.api_key_ssm_parameter
}

output "table_name" {
  value = tap_webhook_pipeline.this.table_name
}

output "dashboard_name" {
  value = tap_webhook_pipeline.this.dashboard_name
}
