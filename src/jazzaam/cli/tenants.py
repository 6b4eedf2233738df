"""`jazzaam tenants`: what an operator asks of the catalog."""

from jazzaam.composition import compose, prepare
from jazzaam.config import Settings
from jazzaam.tenancy.credentials import OPERATOR
from jazzaam.tenancy.models import Tenant


async def list_tenants(settings: Settings) -> list[Tenant]:
    """List every tenant, in any state."""
    application = compose(settings, user=OPERATOR)
    try:
        await prepare(application)
        return await application.deployment.tenancy.catalog.tenants(status=None)
    finally:
        await application.deployment.clusters.close()
