"""What a company's own jobs have come to."""
