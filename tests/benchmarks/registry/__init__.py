"""Benchmarks of the registry, beside MLflow where it offers the same; docs/benchmarks.md explains every row."""
