"""Bodies and answers of a member's preferences."""

from jazzaam.web.input import Input, Output


class InAppChange(Input):
    """Which kinds to show among the notifications; those that are named change."""

    new_lead: bool | None = None
    submitted_again: bool | None = None
    leads_waiting: bool | None = None


class PreferencesChange(Input):
    """What to change."""

    in_app: InAppChange


class InApp(Output):
    """Which kinds are shown among the notifications."""

    new_lead: bool
    submitted_again: bool
    leads_waiting: bool


class Preferences(Output):
    """What a member wants to be told of, in one company."""

    in_app: InApp
