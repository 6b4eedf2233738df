"""The body of the contact form."""

from typing import Annotated

from pydantic import Field

from jazzaam.control.accounts.schemas import Address
from jazzaam.web.input import ON_ONE_LINE, Input, Line


class ContactMessage(Input):
    """Who writes, and what."""

    full_name: Annotated[str, Field(min_length=1, max_length=200), ON_ONE_LINE]
    email: Address
    company_name: Line = ""
    message: Annotated[str, Field(min_length=1, max_length=5_000)]
