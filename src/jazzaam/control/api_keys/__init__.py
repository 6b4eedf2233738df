"""Keys with which programs act in one company."""
