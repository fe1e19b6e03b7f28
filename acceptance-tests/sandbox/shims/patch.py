"""The one way in which the shims change ministack."""


def replace(module, name, make):
    """Replaces `module.name` by what `make` builds around it; AttributeError when it is not there."""
    setattr(module, name, make(getattr(module, name)))
