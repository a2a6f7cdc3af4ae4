"""Runs and their events: what the API owns."""
