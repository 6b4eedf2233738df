"""A process that ends itself, as kill -9 would, when a tenant's life reaches a step.

`python -m tests.tenancy.dying STEP ACTION [ARGUMENT …]`; settings come from the environment.
"""

import asyncio
import os
import signal
import sys
from datetime import timedelta
from pathlib import Path

from bson import ObjectId

from jazzaam.composition import compose
from jazzaam.config import read_settings
from jazzaam.control.accounts import service as accounts
from jazzaam.control.accounts.models import AccountType
from jazzaam.control.plane import ControlPlane
from jazzaam.control.registrations.models import Registration
from jazzaam.tenancy.models import TenantId, Tier
from jazzaam.tenancy.steps import Step
from jazzaam.tenancy.users import OPERATOR


async def act(application, action, *arguments):
    """Do one thing of a tenant's life."""
    deployment, now = application.deployment, application.control.clock.now()
    tenant_id = TenantId(arguments[0]) if arguments else TenantId("")
    if action == "create":
        await deployment.provisioner.create(tenant_id, at=now)
    elif action == "ready":
        waiting = len(await deployment.tenancy.catalog.tenants(matching={"spare": True, "status": "ready"}))
        await deployment.provisioner.keep_ready(waiting + 1, now)
    elif action == "sign-up":
        plane = ControlPlane(deployment.system(), application.control)
        await accounts.establish(plane, registration(arguments[0], now))
    elif action == "erase":
        await deployment.erasure.suspend(tenant_id, erase_after=now)
        await deployment.erasure.erase(tenant_id, lambda: now)
    elif action == "import":
        path, new_id = arguments
        await deployment.importer.load(
            Path(path), application.keyring, tenant_id=new_id, at=application.control.clock.now
        )
    elif action == "dedicate":
        await deployment.credentials.set_tier(tenant_id, Tier.dedicated, now)
    elif action == "rotate":
        await deployment.credentials.rotate(tenant_id, now, timedelta())
        await deployment.credentials.retire(tenant_id, now)


def registration(email, now):
    return Registration(
        email=email,
        account_id=ObjectId(),
        account_type=AccountType.company,
        company_name="Cut off",
        password_hash="x",
        salt=b"",
        number=1,
        code_ends_at=now,
        decoy=False,
    )


async def main():
    last, action, *arguments = sys.argv[1:]

    def die(step):
        if step is Step[last]:
            os.kill(os.getpid(), signal.SIGKILL)

    application = compose(read_settings(), user=OPERATOR, observe=die)
    await act(application, action, *arguments)


if __name__ == "__main__":
    asyncio.run(main())
