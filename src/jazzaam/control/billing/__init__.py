"""What was billed."""
