"""Which kinds of notifications there are; a membership keeps those its member does not want to see."""

from enum import StrEnum


class NotificationKind(StrEnum):
    """What a notification tells."""

    new_lead = "newLead"
    submitted_again = "submittedAgain"
    leads_waiting = "leadsWaiting"
