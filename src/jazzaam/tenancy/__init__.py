"""One MongoDB database for each tenant.

This package knows no web framework and nothing of CRM. `Tenancy` is the only maker of a
`TenantDatabase`; whoever holds one may use that tenant's data, and nobody can point it at another.
"""
