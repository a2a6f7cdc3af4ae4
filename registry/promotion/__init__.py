"""Channels, the gate before them, and the deployment check."""
