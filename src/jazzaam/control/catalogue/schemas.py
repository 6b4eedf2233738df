"""Answers of the service catalogue."""

from pydantic import Field

from jazzaam.web.input import Output


class Service(Output):
    """A service, and what it comes in."""

    id: str
    label: str
    sub_services: list[str] = Field(default_factory=list[str])


class ServiceList(Output):
    """All of them, by name."""

    items: list[Service]
