"""Mails that were sent, and people at work in a company."""

from __future__ import annotations

import email
import re
from email import policy

import pytest
from bson import ObjectId

from jazzaam.control.accounts.repository import AccountRepository


@pytest.fixture
def mails_to(outbox_folder):
    """Read the mails that were sent to an address, the oldest first."""

    def read(address):
        found = [
            email.message_from_bytes(path.read_bytes(), policy=policy.default)
            for path in sorted(outbox_folder.glob("*.eml"))
        ]
        return [mail for mail in found if mail["To"] == address]

    return read


@pytest.fixture
def token_in():
    """Find the token of a link in a mail."""
    return lambda mail: re.search(r"#token=([A-Za-z0-9_=-]+)", mail.get_content())[1]


@pytest.fixture
async def admin(make_company, plane):
    """Who runs the platform; they work in no company."""
    person = await make_company("Admin", account_type="user")
    await AccountRepository(plane.db).set_admin(ObjectId(person.id), to=True)
    return person
