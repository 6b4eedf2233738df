"""The dashboard's answer."""

from typing import Annotated

from pydantic import Field

from jazzaam.web.input import Output


class Dashboard(Output):
    """A company's leads in a few numbers; of one's own leads, where only those are seen."""

    total_leads: int
    by_status: dict[str, int]
    qualified_leads: Annotated[
        int,
        Field(description="Qualified or hot by status, 60 or more by BANT score, hot or warm by BANT."),
    ]
    follow_ups_sent: int
    converted_leads: int
    estimated_close_rate: Annotated[float, Field(description="Qualified of all, in percent; 0 of none.")]
