"""The body of the contact form."""

from typing import Annotated

from pydantic import Field

from jazzaam.control.accounts.schemas import Address
from jazzaam.web.input import Input


class ContactMessage(Input):
    """Who writes, and what."""

    full_name: Annotated[str, Field(min_length=1, max_length=200)]
    email: Address
    company_name: Annotated[str, Field(max_length=200)] = ""
    message: Annotated[str, Field(min_length=1, max_length=5_000)]
