"""What a member wants to be told of."""
