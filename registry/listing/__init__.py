"""What all list methods share: opaque keyset page tokens and the filter grammar."""
