"""Signing in with a provider that says who somebody is."""
