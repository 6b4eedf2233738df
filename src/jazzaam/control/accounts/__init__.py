"""Who signs in: registering, proving an address, sessions and tokens."""
