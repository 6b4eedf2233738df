"""The people of a company: their roles, and who may change them."""
