"""The dashboard's answer."""

from typing import Annotated

from pydantic import Field

from jazzaam.web.input import Output


class Dashboard(Output):
    """A company's leads in a few numbers; of one's own leads, where only those are seen."""

    total_leads: Annotated[int, Field(description="All leads.")]
    by_status: Annotated[dict[str, int], Field(description="How many leads have each status.")]
    hot_leads: Annotated[int, Field(description="Status `hot`.")]
    warm_leads: Annotated[int, Field(description="Status `warm`.")]
    cold_leads: Annotated[int, Field(description="Status `cold`.")]
    qualified_leads: Annotated[
        int,
        Field(description="Status `qualified` or `hot`, or by BANT a score of 60 or more, hot or warm."),
    ]
    follow_ups_sent: Annotated[
        int, Field(description="Leads that a follow-up was mailed to, and follow-ups that were submitted.")
    ]
    converted_leads: Annotated[
        int, Field(description="Leads that became customers: status `win`, or marked so before adoption.")
    ]
    qualified_rate: Annotated[float, Field(description="Qualified of all leads, in percent; 0 of none.")]
    close_rate: Annotated[
        float, Field(description="Converted of those that were won or lost, in percent; 0 of none.")
    ]
