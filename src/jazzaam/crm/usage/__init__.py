"""What a company uses of what its plan allows."""
