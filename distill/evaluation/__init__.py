"""Evaluation of models on held-out scenarios."""
