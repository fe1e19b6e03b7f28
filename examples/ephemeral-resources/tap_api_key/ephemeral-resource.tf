# The API key of the payment stack, for this run only: neither the plan nor the state holds it.
ephemeral "tap_api_key" "payments" {
  parameter_name = "/payment/prod/api-key"
  region         = "eu-west-1"
}

# Where it may go: into write-only arguments, provider configurations and other ephemeral values.
resource "aws_secretsmanager_secret_version" "for_the_partner" {
  secret_id                = "payments/partner-key"
  secret_string_wo         = ephemeral.tap_api_key.payments.value
  secret_string_wo_version = 1
}
