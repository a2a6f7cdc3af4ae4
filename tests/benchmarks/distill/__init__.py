"""Benchmarks of the distillation service."""
