# Payment notifications (seed 003): one region; a payment is stored, queued and answered with 202, then accounted for; what
# cannot be accounted for ends in the dead-letter queue, and somebody hears of it.
terraform {
  required_providers {
    tap = {
      source = "tap-platform/tap"
    }
  }

  # Uncomment and name a bucket of yours; the key names this stack, so that no other one overwrites it. The lock file needs
  # Terraform 1.10 or newer.
  # backend "s3" {
  #   bucket       = "my-terraform-states"
  #   key          = "notify/payment-stack.tfstate"
  #   region       = "us-east-1"
  #   encrypt      = true
  #   use_lockfile = true
  # }
}

provider "tap" {
  default_tags = {
    tags = {
      Owner      = "payments"
      CostCenter = "finance"
    }
  }
}

resource "tap_payment_stack" "notifications" {
  environment_suffix  = "notify"
  preset              = "notification"
  lambda_architecture = "x86_64"

  topics = {
    notifications = {
      # Alarms and alerts about failed payments; each address must confirm its subscription once.
      email_endpoints = ["payments-oncall@example.com"]
    }
  }

  # A message is tried three times, then it is for people to look at. It stays in the dead-letter queue for redrive.
  queue = {
    max_receive_count = 3
  }

  force_destroy       = true # a try-out; leave both out for real payments
  deletion_protection = false
}

output "api_endpoint" {
  value = tap_payment_stack.notifications.api_endpoint
}

output "queue_url" {
  value = tap_payment_stack.notifications.queue_url
}

output "dlq_url" {
  value = tap_payment_stack.notifications.dlq_url
}
