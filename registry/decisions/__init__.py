"""Verdicts over the registry's own records, and the human decisions that change them."""
