"""What was deleted, until it is forgotten."""
