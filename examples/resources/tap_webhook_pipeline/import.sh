# By its environment_suffix. The configuration that made the stack comes from the stack's record in SSM.
terraform import tap_webhook_pipeline.payments prod
