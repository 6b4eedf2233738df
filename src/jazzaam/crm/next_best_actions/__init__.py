"""What to do next about a lead."""
