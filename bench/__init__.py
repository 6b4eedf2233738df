"""Measurements: what Jazzaam costs beside the bare driver calls it makes."""
