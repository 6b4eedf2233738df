"""Registrations that wait for the code that was mailed."""
