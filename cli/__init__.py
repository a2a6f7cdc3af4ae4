"""The ``spiritsafe`` command: a thin client of the registry and the distillation service."""
