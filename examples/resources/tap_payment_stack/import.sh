# By its environment_suffix. The configuration that made the stack comes from the stack's record in SSM.
terraform import tap_payment_stack.payments prod
