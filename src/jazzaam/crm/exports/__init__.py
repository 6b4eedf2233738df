"""Everything of a company in one file, for whoever may carry it away."""
