"""What is taken over from a model hub: what a card means, and the bytes of external files."""
