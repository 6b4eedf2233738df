"""Answers of the billing routes."""

from datetime import datetime

from jazzaam.web.input import Output, PageQuery


class BillingQuery(PageQuery):
    """A page of bills."""


class Bill(Output):
    """A bill; `amount` is in US dollars. A payment that was not noted is `pending`."""

    id: str
    subscription_plan: str
    status: str | None
    month: str | None
    amount: float
    created_at: datetime | None


class BillPage(Output):
    """Bills, the newest first; `next` continues."""

    items: list[Bill]
    next: str | None
