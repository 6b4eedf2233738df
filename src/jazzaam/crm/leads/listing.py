"""What a list asks for, as MongoDB understands it: pure."""

from dataclasses import dataclass, replace
from typing import Any

from jazzaam.crm.leads.facets import facet
from jazzaam.pagination import Position


@dataclass(frozen=True, slots=True)
class Listing:
    """A list of leads: how many, by what, which ones, and where to go on.

    `sort` is a field's name, with `-` before it for descending. `equal` maps facet names to values.
    """

    limit: int
    sort: str
    equal: tuple[tuple[str, str], ...] = ()

    def assigned_to(self, account_id: object) -> "Listing":
        """Give the part of the list that is assigned to an account."""
        return replace(self, equal=(*self.equal, ("assignedTo", str(account_id))))

    @property
    def field(self) -> str:
        """The field it is sorted by."""
        return self.sort.removeprefix("-")

    @property
    def direction(self) -> int:
        """1 for ascending, -1 for descending."""
        return -1 if self.sort.startswith("-") else 1

    @property
    def order(self) -> list[tuple[str, int]]:
        """The order, ties broken by id."""
        return [(self.field, self.direction), ("_id", self.direction)]

    @property
    def identity(self) -> list[str]:
        """What makes this list the same list on its next page."""
        return [self.sort, *(facet(name, value) for name, value in self.equal)]

    def matching(self) -> dict[str, Any]:
        """Give the filter of the whole list."""
        wanted = [facet(name, value) for name, value in self.equal]
        if not wanted:
            return {}
        return {"facets": wanted[0] if len(wanted) == 1 else {"$all": wanted}}

    def after(self, position: Position | None) -> dict[str, Any]:
        """Give the filter of what comes after `position`.

        Missing values sort as null, before everything, and no comparison but equality finds them.
        """
        matching = self.matching()
        if position is None:
            return matching
        beyond = "$gt" if self.direction > 0 else "$lt"
        tied = {self.field: position.value, "_id": {beyond: position.id}}
        further: list[dict[str, Any]]
        if position.value is None:
            further = [tied] if self.direction < 0 else [tied, {self.field: {"$ne": None}}]
        else:
            further = [tied, {self.field: {beyond: position.value}}]
            if self.direction < 0:
                further.append({self.field: None})
        return {**matching, "$or": further}
