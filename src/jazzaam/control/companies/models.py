"""`companies`: the original's collection of both accounts and companies.

A self-registered company and its first account are one document; no code relies on that.
"""

from typing import Final

from jazzaam.tenancy.collections import CollectionSpec, IndexSpec

DEFAULT_SETTINGS: Final = {"timezone": "UTC", "currency": "USD", "language": "en"}
"""What a new company begins with: IANA zone, ISO 4217, ISO 639-1."""

PROFILE_FIELDS: Final = (
    "companyName",
    "description",
    "companyServiceType",
    "companySubServices",
    "website",
    "industry",
    "settings",
)
"""What of a company's document is the company's own, and may travel with it."""

SECOND_FACTOR_SECRET: Final = "secondFactor.secret"  # noqa: S105 - a path
"""Where an account's document holds what its authenticator was given, encrypted."""

COMPANIES: Final = CollectionSpec(
    "companies",
    indexes=(
        IndexSpec("an e-mail address signs in once", (("email", 1),), unique=True),
        IndexSpec("the fleet's companies, newest first", (("createdAt", -1),)),
    ),
    validator={
        "$jsonSchema": {
            "required": ["email", "userType"],
            "properties": {
                "email": {"bsonType": "string"},
                "companyName": {"bsonType": "string"},
                "password": {"bsonType": "string"},
            },
        }
    },
    owner_key="_id",
    encrypted=(SECOND_FACTOR_SECRET,),
)
