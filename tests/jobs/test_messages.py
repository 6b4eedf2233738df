"""What travels through a broker cannot be made or changed by anybody else."""

import hmac
import json

import pytest
from bson import ObjectId
from hypothesis import given
from hypothesis import strategies as st

from jazzaam.jobs.messages import Forged, Messages
from jazzaam.jobs.models import Place
from jazzaam.signing import Keyring

OLD, NEW = "the key of thirty-two bytes or more", "another key of thirty-two bytes or more"
MESSAGES = Messages(Keyring([NEW]))
PLACE = Place("main", "f" * 24, ObjectId(), 3)


@pytest.mark.parametrize("place", [PLACE, PLACE._replace(tenant_id=None)])
def test_a_message_says_where(place):
    assert MESSAGES.read(MESSAGES.write(place)) == place


def test_it_is_json_that_says_nothing_of_the_job():
    envelope = json.loads(MESSAGES.write(PLACE))

    assert json.loads(envelope["at"]) == ["main", "f" * 24, str(PLACE.job_id), 3]
    assert set(envelope) == {"at", "key", "mac"}


def test_an_old_key_still_verifies_and_an_unknown_one_does_not():
    old = Messages(Keyring([OLD])).write(PLACE)

    assert Messages(Keyring([NEW, OLD])).read(old) == PLACE
    with pytest.raises(Forged):
        MESSAGES.read(old)


def test_what_was_signed_for_another_purpose_is_forged():
    envelope = json.loads(MESSAGES.write(PLACE))
    other = hmac.digest(Keyring([NEW]).key("refresh token"), envelope["at"].encode(), "sha256").hex()

    with pytest.raises(Forged):
        MESSAGES.read(json.dumps({**envelope, "mac": other}).encode())


@given(st.integers(0, 10_000), st.integers(1, 255))
def test_a_changed_byte_is_forged(position, difference):
    message = bytearray(MESSAGES.write(PLACE))
    message[position % len(message)] ^= difference

    try:
        read = MESSAGES.read(bytes(message))
    except Forged:
        return
    assert read == PLACE  # a blank or the case of a digit: it says the same


@pytest.mark.parametrize(
    "message",
    [
        b"", b"x", b"{}", b"[]", b"null", b"\xff\xfe", b"9" * 5000, b"[" * 900, b'{"at": 1}',
        b'{"at": "x", "key": null, "mac": null}', b'{"at": "x", "key": "00", "mac": "\\u00e9"}',
        b"\x80\x04\x95cos\nsystem\n(S'true'\ntR.",
    ],
)  # fmt: skip
def test_rubbish_is_forged(message):
    with pytest.raises(Forged):
        MESSAGES.read(message)
