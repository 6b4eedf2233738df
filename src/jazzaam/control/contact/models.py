"""`contactus` as the original stores it."""

from typing import Final

from jazzaam.tenancy.collections import CollectionSpec

CONTACTS: Final = CollectionSpec("contactus")
