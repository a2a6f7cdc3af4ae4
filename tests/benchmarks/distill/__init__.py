"""How fast the distillation service's parts are."""
