"""Letting a model play scenarios: it writes, tools answer, and a simulated user goes on."""
