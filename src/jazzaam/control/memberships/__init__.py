"""Who works where, and what they may do there: the only truth of it."""
