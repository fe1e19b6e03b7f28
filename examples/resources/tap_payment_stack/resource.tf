# Partners sign what they send; the secret comes from where yours are and never reaches plan or state.
variable "partner_secret" {
  type      = string
  ephemeral = true
}

resource "tap_payment_stack" "payments" {
  # Part of every name: the table becomes payment-transactions-prod.
  environment_suffix = "prod"

  # The first is the primary. One writer at a time; the other region holds everything and takes over.
  regions = ["eu-central-1", "eu-west-1"]

  tags = {
    Team = "payments"
  }

  # Payment data: twelve months of logs, as auditors ask for them.
  log_retention_in_days = 400

  # A key for data, one for messages.
  kms = {
    keys = ["dynamodb", "sqs"]
  }

  processor = {
    # Answer once the payment is stored and queued; accounting follows.
    response_mode = "queue"
    memory_size   = 1769 # one whole vCPU
  }

  accounting = {
    # No more than this many at once hit the ledger behind it.
    maximum_concurrency = 20
  }

  api = {
    path          = "payments"
    authorization = "hmac"
    hmac = {
      secrets_wo         = var.partner_secret
      secrets_wo_version = 1 # raise it when the secret changes
    }
  }

  waf = {
    # What the biggest partner sends in five minutes, twice over.
    rate_limit     = 120000
    allow_ip_cidrs = ["203.0.113.0/24"]
  }

  topics = {
    notifications = {
      email_endpoints = ["payments-oncall@example.com"]
    }
  }

  receipts_bucket = {
    lifecycle = {
      expiration_days = 3650
    }
  }

  alarms = {
    error_rate = {
      threshold_percent = 0.5
      min_invocations   = 100
    }
    queue_age_seconds = 120
  }

  region_overrides = {
    "eu-west-1" = {
      email_endpoints = ["payments-oncall-ie@example.com"]
    }
  }
}

output "api_endpoint_urls" {
  description = "Where partners POST payments to, by region."
  value       = tap_payment_stack.payments.api_endpoint_urls
}
