resource "tap_webhook_pipeline" "payments" {
  # Part of every name: the table becomes transactions-prod, the function webhook-validator-prod.
  environment_suffix = "prod"

  tags = {
    Team = "payments"
  }

  # Payment data: twelve months of logs, as auditors ask for them.
  log_retention_in_days = 400

  api = {
    # Partners call with an API key. Its value is in the SSM parameter `api_key_ssm_parameter`, never in state.
    authorization = "api_key"

    # What the biggest partner sends in its busiest minute, twice over. Beyond it, API Gateway answers 429.
    throttle_rate_limit  = 200
    throttle_burst_limit = 400

    # The key guards against strangers; the rate limit per address guards against a leaked key.
    waf = {
      enabled    = true
      rate_limit = 20000
    }
  }

  routing = {
    # Above 10000: fraud analysis. Below 1000: the queue for batch processing. Between: a notice.
    high_threshold = 10000
    low_threshold  = 1000

    # 10000 JPY is a lunch for two, not a high value.
    currency_thresholds = {
      JPY = {
        high_threshold = 1500000
        low_threshold  = 150000
      }
    }
  }

  alerts_topic = {
    # Alarms and fraud alerts only; each address must confirm its subscription once.
    email_endpoints = ["payments-oncall@example.com"]
  }

  audit_bucket = {
    # Nobody shortens the audit trail by accident. It can only be chosen when the bucket is made.
    object_lock = {
      mode = "GOVERNANCE"
      days = 365
    }
    lifecycle = {
      expiration_days = 2555 # seven years
    }
  }

  archival = {
    # Support looks into the table for a week; afterwards the archive in S3 has to do.
    min_age_hours = 168
  }

  functions = {
    # More memory is more CPU: the validator is what the sender waits for.
    validator = {
      memory_size = 1769 # one whole vCPU
      timeout     = 15
    }
  }
}

output "webhook_url" {
  description = "Where partners POST their webhooks to."
  value       = tap_webhook_pipeline.payments.webhook_url
}

output "api_key_ssm_parameter" {
  description = "Read the key with: aws ssm get-parameter --with-decryption --name <this>"
  value       = tap_webhook_pipeline.payments.api_key_ssm_parameter
}
