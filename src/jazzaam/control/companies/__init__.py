"""Companies, and the accounts that the original keeps beside them in one collection."""
