"""What several tests of the tenancy core look through: the server's eyes, the operator's, a clock."""

from datetime import UTC, datetime

import pytest
from bson import ObjectId

from jazzaam.composition import compose
from jazzaam.tenancy.models import Tenant, TenantStatus
from jazzaam.tenancy.users import OPERATOR


@pytest.fixture
async def operator(settings, app):
    """An application that acts as the operator, as the command line does."""
    application = compose(settings, user=OPERATOR)
    yield application
    await application.deployment.close()


class Clock:
    """A clock that is moved by hand."""

    def __init__(self):
        self.now = datetime(2026, 11, 24, 23, 59, tzinfo=UTC)

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def tenant():
    """A tenant with limits, of which no catalog knows."""

    def tenant(**limits):
        created = datetime.now(UTC)
        return Tenant(str(ObjectId()), TenantStatus.active, "main", "x", "x", 0, created, limits=limits)

    return tenant
