"""Bodies and answers of the end of a company."""

from datetime import datetime

from jazzaam.control.accounts.schemas import PresentedPassword
from jazzaam.web.input import Input, Output


class Deletion(Input):
    """Proof that it is the owner who asks."""

    password: PresentedPassword


class Deleted(Output):
    """Until when the company can be restored."""

    erase_after: datetime
