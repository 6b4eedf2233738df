"""The body of onboarding."""

from typing import Annotated

from pydantic import Field

from jazzaam.control.companies.schemas import Paragraph
from jazzaam.web.input import ON_ONE_LINE, Input

Named = Annotated[str, Field(min_length=1, max_length=200), ON_ONE_LINE]


class Onboarding(Input):
    """What a company does."""

    company_name: Annotated[str, Field(min_length=2, max_length=100), ON_ONE_LINE]
    description: Annotated[Paragraph, Field(min_length=1)]
    service: Annotated[Named, Field(description="One of GET /services, or one's own words.")]
    sub_services: Annotated[list[Named], Field(min_length=1, max_length=100)]
