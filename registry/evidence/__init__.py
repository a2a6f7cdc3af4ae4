"""Evidence that leaves the registry: signed answers, and documents about a version. A pure core under `loading`."""
