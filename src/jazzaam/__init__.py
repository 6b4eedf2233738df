"""Jazzaam: a CRM in which every company has a MongoDB database of its own."""
