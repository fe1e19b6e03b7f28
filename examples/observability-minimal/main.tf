# The smallest observability stack that can be tried and thrown away: the function that emits payment metrics, its log group,
# alarms and dashboard. With `make sandbox` running and what it prints exported, `terraform init && terraform apply` works here;
# the same file works in an AWS account.
terraform {
  required_providers {
    tap = {
      source = "tap-platform/tap"
    }
  }
}

provider "tap" {}

resource "tap_observability_stack" "this" {
  environment_suffix = "dev"

  # A provider that you have built yourself holds the handlers for your machine's architecture only. Leave this out with a
  # released provider: the default, arm64, costs less.
  lambda_architecture = "x86_64"

  # It is a try-out: `terraform destroy` schedules the key's deletion, and takes what holds data along.
  force_destroy = true
}

output "lambda_function_name" {
  description = "Invoke it with {\"payment_id\": \"test-123\", \"amount\": \"100.00\", \"type\": \"credit_card\", \"currency\": \"EUR\"}."
  value       = tap_observability_stack.this.lambda_function_name
}

output "dashboard_name" {
  value = tap_observability_stack.this.dashboard_name
}
