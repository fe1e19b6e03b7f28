# By its environment_suffix. The configuration that made the stack comes from the stack's record in SSM.
terraform import tap_observability_stack.payments prod
