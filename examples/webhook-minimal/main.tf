# The smallest webhook pipeline that can be tried and thrown away. With `make sandbox` running and what it prints exported,
# `terraform init && terraform apply` works here; the same file works in an AWS account.
terraform {
  required_providers {
    tap = {
      source = "tap-platform/tap"
    }
  }
}

provider "tap" {}

resource "tap_webhook_pipeline" "this" {
  environment_suffix = "dev"

  # A provider that you have built yourself holds the handlers for your machine's architecture only. Leave this out with a
  # released provider: the default, arm64, costs less.
  lambda_architecture = "x86_64"

  # It is a try-out: `terraform destroy` takes tables and buckets along, with what is in them.
  force_destroy       = true
  deletion_protection = false
}

output "webhook_url" {
  value = tap_webhook_pipeline.this.webhook_url
}

output "api_key_ssm_parameter" {
  value = tap_webhook_pipeline.this.api_key_ssm_parameter
}
