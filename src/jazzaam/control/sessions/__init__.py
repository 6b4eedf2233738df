"""Where accounts are signed in."""
