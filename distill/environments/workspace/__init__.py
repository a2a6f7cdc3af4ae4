"""A workspace of files and folders with shell-like tools, in memory, from a seed."""
