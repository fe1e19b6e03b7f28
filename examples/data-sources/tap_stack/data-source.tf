# The webhook pipeline `prod`, which another workspace manages.
data "tap_stack" "pipeline" {
  kind               = "webhook_pipeline"
  environment_suffix = "prod"

  lifecycle {
    postcondition {
      condition     = self.exists && self.status == "complete"
      error_message = "The webhook pipeline prod is not there or not complete."
    }
  }
}

# What it is made of goes by component key.
output "transactions_table_arn" {
  value = data.tap_stack.pipeline.resource_arns["dynamodb_table.transactions"]
}
