"""A look into a company by who runs the platform: only with a grant of its owner."""
