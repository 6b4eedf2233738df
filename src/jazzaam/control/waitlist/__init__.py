"""Who waits to be let in."""
