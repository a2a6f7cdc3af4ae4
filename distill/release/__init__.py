"""From an adapter to release artifacts."""
