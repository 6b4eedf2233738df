"""A lead's facets: `name:value` for everything a list can be filtered by.

One multikey index for each sort then serves every equality filter.
"""

from collections.abc import Mapping
from typing import Any, Final

SINGLE: Final = (
    "status",
    "platform",
    "formId",
    "companyIndustry",
    "companySize",
    "source",
    "assignedTo",
)
"""Fields that give one facet each; `tags` give one each as `tag:<name>`."""

_LONGEST_VALUE: Final = 200


def facet(name: str, value: object) -> str:
    """Write one facet; values are cut at 200 characters, in filters just so."""
    return f"{name}:{str(value)[:_LONGEST_VALUE]}"


def facets_of(lead: Mapping[str, Any]) -> list[str]:
    """Give the facets of a stored lead, sorted, each once."""
    found = {facet(name, lead[name]) for name in SINGLE if lead.get(name) not in (None, "")}
    for tag in lead.get("tags") or ():
        if tag.get("name"):
            found.add(facet("tag", tag["name"]))
    return sorted(found)
