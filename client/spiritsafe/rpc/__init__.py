"""What both ends of a call need: errors on the wire, permissions of methods, the caller, resource names."""
