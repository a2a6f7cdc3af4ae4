"""Batched greedy generation."""
