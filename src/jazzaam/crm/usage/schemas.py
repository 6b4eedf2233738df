"""What the usage route answers with."""

from jazzaam.web.input import Output


class LimitUsage(Output):
    """One limit: `allowed` is null where there is none, `used` where it is not counted."""

    name: str
    unit: str
    per: str
    allowed: int | None
    used: int | None


class Usage(Output):
    """What the plan allows and what is used."""

    limits: list[LimitUsage]
