"""What the end of a company does later: the mail to each owner."""

from typing import Final

from jazzaam.control.accounts.repository import AccountRepository
from jazzaam.control.deletion.events import CompanyDeleted
from jazzaam.control.mails import RETRY, Urgency, plain_name, send
from jazzaam.control.memberships.repository import names_of
from jazzaam.control.plane import ControlPlane
from jazzaam.jobs.registry import job
from jazzaam.tenancy.models import TenantId, TenantStatus

_TEXT: Final = """\
{company} was deleted. Nobody can enter it any more.

Everything of it is erased after {until:%Y-%m-%d %H:%M} UTC. Until then an owner can sign in and restore it:
{url}/restore-company
"""


@job("deletion.mail_owner", atomic=False, retry=RETRY)
async def mail_owner(plane: ControlPlane, event: CompanyDeleted) -> None:
    """Mail an owner until when the company can be restored; one that was restored meanwhile is no news."""
    tenant = await plane.services.tenancy.catalog.find(TenantId(str(event.company_id)))
    account = await AccountRepository(plane.db).get(event.account_id)
    if account is None or tenant is None or tenant.status is not TenantStatus.suspended:
        return
    names = await names_of(plane.db, [event.company_id])
    text = _TEXT.format(
        company=plain_name(names.get(event.company_id, ""), "Your company"),
        until=event.erase_after,
        url=plane.services.public_url,
    )
    await send(plane.services, account.email, "Your company was deleted", text, urgency=Urgency.owner)
