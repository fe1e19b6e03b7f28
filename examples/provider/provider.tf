terraform {
  required_providers {
    tap = {
      source  = "tap-platform/tap"
      version = "~> 0.1"
    }
  }
}

# Credentials are found where AWS's own tools look for them: environment, shared files, SSO,
# instance metadata. None of them belongs into a configuration.
provider "tap" {
  region = "eu-central-1"

  # Refuses to touch any other account, whatever credentials happen to be around.
  allowed_account_ids = ["111122223333"]

  default_tags = {
    tags = {
      CostCenter = "payments"
      ManagedBy  = "terraform"
    }
  }
}
