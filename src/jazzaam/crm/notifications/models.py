"""Notifications as they are stored: a kind and its parameters, put into words when they are read."""

from typing import Final

from jazzaam.tenancy.collections import CollectionSpec, IndexSpec

NOTIFICATIONS: Final = CollectionSpec(
    "notifications",
    indexes=(IndexSpec("the list, newest first", (("createdAt", -1), ("_id", -1))),),
    lead_key="leadId",
)
