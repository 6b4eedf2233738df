"""What happens at the end of a company."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from bson import ObjectId

from jazzaam.events import Event


@dataclass(frozen=True, slots=True)
class CompanyDeleted(Event):
    """An owner deleted a company; `account_id` is one of its owners, it is erased after `erase_after`."""

    kind: ClassVar[str] = "company.deleted"
    company_id: ObjectId
    account_id: ObjectId
    erase_after: datetime
