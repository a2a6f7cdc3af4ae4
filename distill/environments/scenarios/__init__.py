"""Scenarios of built-in worlds: what a world has to bring, and how scenarios are drawn from that."""
