"""Evaluation reports: how a model's weights did on held-out scenarios, paired with their untouched base."""
