"""A company's leads in a few numbers."""
