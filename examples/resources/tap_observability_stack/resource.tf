resource "tap_observability_stack" "payments" {
  # Part of every name: the composite alarm becomes payment-critical-prod, the canary health-check-prod.
  environment_suffix = "prod"

  tags = {
    Team = "payments"
  }

  # Payment data: twelve months of logs, as auditors ask for them.
  log_retention_in_days = 400

  # What is watched. Without the API's name there is no alarm on it: its metrics carry it as a dimension.
  api = {
    name  = "payments"
    stage = "v1"
  }
  rds = {
    db_instance_identifier = "payments-db"
    log_types              = ["postgresql", "upgrade"]
  }

  # One failed request out of three at night is no incident.
  api_error_alarm = {
    threshold_percent = 2
    min_requests      = 50
  }
  latency_alarm = {
    enabled      = true
    statistic    = "p95"
    threshold_ms = 800
  }

  # One notice per incident, by the composite alarm; each address must confirm its subscription once.
  alarm_email_endpoints = ["payments-oncall@acme.test"]

  canary = {
    url = "https://pay.acme.test/health"

    # {"X-Api-Key": "..."} in a SecureString: the script reads it when it runs, and it is neither in the state nor in the script.
    headers_ssm_parameter = "/payments/prod/canary-headers"
  }

  dashboard = {
    additional_widgets_json = jsonencode([
      {
        type = "text"
        properties = {
          markdown = "[Runbook](https://wiki.acme.test/payments/runbook)"
        }
      }
    ])
  }
}

output "access_log_format" {
  description = "For the stage of the API, so that the latency filter can read its access logs."
  value       = tap_observability_stack.payments.access_log_format
}

output "subscriptions" {
  description = "PendingConfirmation until the receiver has confirmed."
  value       = tap_observability_stack.payments.subscription_arns
}
