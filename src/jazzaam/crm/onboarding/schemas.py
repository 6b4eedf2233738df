"""The body of onboarding."""

from typing import Annotated

from pydantic import Field

from jazzaam.control.companies.schemas import Line, Paragraph
from jazzaam.web.input import Input

Named = Annotated[Line, Field(min_length=1)]


class Onboarding(Input):
    """What a company does."""

    company_name: Annotated[str, Field(min_length=2, max_length=100)]
    description: Annotated[Paragraph, Field(min_length=1)]
    service: Annotated[Named, Field(description="One of GET /services, or one's own words.")]
    sub_services: Annotated[list[Named], Field(min_length=1, max_length=100)]
