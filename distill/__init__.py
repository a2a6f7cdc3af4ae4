"""The distillation service: verified trajectories from a teacher, and students trained on them."""
