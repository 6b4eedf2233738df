"""What identities do later: the account's owner is told."""

from typing import Final

from jazzaam.control.accounts.repository import AccountRepository
from jazzaam.control.identities.events import IdentityLinked
from jazzaam.control.mails import RETRY, Urgency, send
from jazzaam.control.plane import ControlPlane
from jazzaam.jobs.registry import job

_TEXT: Final = """\
Your Jazzaam account can be signed in to with {provider} from now on.

If it was not you, sign in, remove it, and change your password: {url}
"""


@job("identities.mail_linked", atomic=False, retry=RETRY)
async def mail_linked(plane: ControlPlane, event: IdentityLinked) -> None:
    """Mail the account's owner that there is another way in."""
    account = await AccountRepository(plane.db).get(event.account_id)
    if account is not None:
        text = _TEXT.format(provider=event.provider.capitalize(), url=plane.services.public_url)
        subject = "Another way to sign in"
        await send(plane.services, account.email, subject, text, urgency=Urgency.owner)
