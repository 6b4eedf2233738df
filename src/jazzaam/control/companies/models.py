"""`companies`: the original's collection of both accounts and companies.

A self-registered company and its first account are one document; no code relies on that.
"""

from typing import Final

from jazzaam.tenancy.collections import CollectionSpec, IndexSpec

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
)
