"""Telling clients of events as they are committed."""
