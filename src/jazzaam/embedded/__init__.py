"""A real mongod as a child process: found, started as a replica set with authentication, stopped.

Knows nothing of tenants: whoever starts it says which users it is to have.
"""
