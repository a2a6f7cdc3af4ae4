"""Teachers behind OpenAI-compatible servers."""
