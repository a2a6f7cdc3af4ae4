"""The stages of a run, each a process of its own."""
