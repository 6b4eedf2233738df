"""Durable work: what is written with a change is done after it, in the database it was found in."""
