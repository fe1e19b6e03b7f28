# Three regions side by side (seed 004): each takes payments through its API and its workflow; events that a region cannot take
# go to its one standby.
terraform {
  required_providers {
    tap = {
      source = "tap-platform/tap"
    }
  }

  # The seed kept its state in S3 without encryption and lock. Uncomment and name a bucket of yours; the key names this stack, so
  # that no other one overwrites it. The lock file needs Terraform 1.10 or newer.
  # backend "s3" {
  #   bucket       = "my-terraform-states"
  #   key          = "multi/payment-stack.tfstate"
  #   region       = "us-east-1"
  #   encrypt      = true
  #   use_lockfile = true
  # }
}

provider "tap" {
  region = "us-east-1"

  default_tags = {
    tags = {
      Application = "multi-region-payment-processing"
      CostCenter  = "finance"
    }
  }
}

resource "tap_payment_stack" "regions" {
  environment_suffix  = "multi"
  preset              = "multi_region"
  lambda_architecture = "x86_64"

  # The first is the primary. A region can be added here, or removed (with `allow_data_loss`), while the stack lives.
  regions = ["us-east-1", "eu-west-1", "ap-southeast-1"]

  event_failover = {
    targets = {
      "us-east-1"      = "eu-west-1"
      "eu-west-1"      = "us-east-1"
      "ap-southeast-1" = "us-east-1"
    }
  }

  log_retention_in_days = 400

  force_destroy       = true # a try-out; leave both out for real payments
  deletion_protection = false
}

output "api_endpoint_urls" {
  value = tap_payment_stack.regions.api_endpoint_urls
}

output "state_machine_arns" {
  value = tap_payment_stack.regions.state_machine_arns
}
