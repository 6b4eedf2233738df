"""Connections to other CRMs."""
