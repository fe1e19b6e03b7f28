# One domain over two regions (seed 002): API, functions, keys and bucket in each, a global table, and DNS that fails over.
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
  #   key          = "global/payments.tfstate"
  #   region       = "us-east-1"
  #   encrypt      = true
  #   use_lockfile = true
  # }
}

provider "tap" {
  region = "us-east-1"

  default_tags = {
    tags = {
      Project   = "payment-infrastructure"
      ManagedBy = "terraform"
    }
  }
}

variable "domain_name" {
  type    = string
  default = "pay.example.com"
}

variable "hosted_zone_id" {
  type        = string
  description = "The Route 53 zone that the domain name is in."
}

variable "certificate_arns" {
  type        = map(string)
  description = "Region -> ARN of an issued ACM certificate for the domain name, in that region."
}

resource "tap_payment_stack" "global" {
  environment_suffix  = "global"
  preset              = "global"
  lambda_architecture = "x86_64"

  domain = {
    name             = var.domain_name
    hosted_zone_id   = var.hosted_zone_id
    certificate_arns = var.certificate_arns
  }

  # One writer: the secondary region takes payments only while the primary is unhealthy. See `table.consistency_mode` for
  # two writers that cannot disagree.
  dns = {
    routing_policy = "failover"
  }

  # The preset keeps the seed's seven days; auditors want more.
  log_retention_in_days = 400

  force_destroy       = true # a try-out; leave both out for real payments
  deletion_protection = false
}

output "api_endpoint" {
  value = tap_payment_stack.global.api_endpoint
}

output "replica_arns" {
  value = tap_payment_stack.global.replica_arns
}
