"""Tool environments: deterministic worlds in which a model's calls are executed."""
