"""The services a company can say it offers."""
