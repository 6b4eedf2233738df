"""The company's part in its audit log: what was done in its own database."""
