"""Datasets as folders: rows in shards, with a manifest, a card, statistics and plots."""
