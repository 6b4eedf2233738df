"""The application plane: what a company does with its leads. It touches one tenant's database."""
