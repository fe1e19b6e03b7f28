# The seed's stack (000): three log groups with one key, latency percentiles, alarms for API and Lambda with one over both,
# two addresses, the metrics function, a canary every five minutes, a dashboard. What the seed meant and AWS refused, or what
# could never go off, is mended by the provider's defaults: docs/differences-observability-stack.md.
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
  #   key          = "dev/observability-stack.tfstate"
  #   region       = "us-east-1"
  #   encrypt      = true
  #   use_lockfile = true
  # }
}

variable "environment_suffix" {
  type    = string
  default = "dev"
}

variable "health_url" {
  type        = string
  description = "What the canary asks. The seed asked https://api.example.com/health, where nobody answers."
}

variable "api_name" {
  type        = string
  description = "Name of the REST API to watch."
  default     = "payments"
}

variable "alarm_emails" {
  type        = list(string)
  description = "The seed's were ops-team@example.com and payments-oncall@example.com."
  default     = []
}

provider "tap" {
  default_tags = {
    tags = {
      Environment = var.environment_suffix
      CostCenter  = "payments"
    }
  }
}

resource "tap_observability_stack" "payments" {
  environment_suffix    = var.environment_suffix
  lambda_architecture   = "x86_64"
  log_retention_in_days = 90

  kms = {
    enable_key_rotation     = true
    deletion_window_in_days = 7 # the seed's; the default, 30, leaves more time to notice
    log_group_scope         = "account"
  }

  api = {
    name = var.api_name
  }

  latency_filter = {
    format              = "space_delimited"
    legacy_metric_names = true
  }
  latency_percentiles = ["p50", "p95", "p99"]

  alarm_email_endpoints   = var.alarm_emails
  alarm_notification_mode = "all"
  api_error_alarm = {
    threshold_percent = 5
  }
  lambda_error_alarm = {
    threshold_percent = 10
  }

  lambda = {
    memory_size = 256
    timeout     = 30
  }
  custom_metrics = {
    namespace = "PaymentProcessing/Custom"
  }

  canary = {
    url                   = var.health_url
    mode                  = "browser"
    schedule_expression   = "rate(5 minutes)"
    navigation_timeout_ms = 30000
  }

  # The seed deleted the canary's results with the stack.
  artifact_bucket = {
    force_destroy = true
  }
}

output "kms_key_id" {
  description = "Key of the log groups"
  value       = tap_observability_stack.payments.kms_key_id
}

output "sns_topic_arn" {
  description = "Topic of the alarms"
  value       = tap_observability_stack.payments.sns_topic_arn
}

output "lambda_function_name" {
  description = "The function that emits payment metrics"
  value       = tap_observability_stack.payments.lambda_function_name
}

output "canary_name" {
  description = "The canary"
  value       = tap_observability_stack.payments.canary_name
}

output "dashboard_name" {
  description = "The dashboard"
  value       = tap_observability_stack.payments.dashboard_name
}
