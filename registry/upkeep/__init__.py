"""What a registry does for itself in the course of time."""
