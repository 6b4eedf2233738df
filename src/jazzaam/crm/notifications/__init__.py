"""What the company's members are told."""
