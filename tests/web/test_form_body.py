"""Forms as programs of all ages send them, byte for byte."""

import base64
import quopri

import pytest

from jazzaam.errors import MalformedRequest
from jazzaam.web.form_body import read_form

MULTIPART = "multipart/form-data; boundary=x"


def part(name: str, value: bytes, *headers: str) -> bytes:
    head = "\r\n".join([f'Content-Disposition: form-data; name="{name}"', *headers])
    return b"--x\r\n" + head.encode() + b"\r\n\r\n" + value + b"\r\n"


@pytest.mark.parametrize(
    ("value", "headers"),
    [
        ("Jörg".encode(), []),
        ("Jörg".encode(), ["Content-Type: text/plain"]),
        ("Jörg".encode("latin-1"), ["Content-Type: text/plain; charset=ISO-8859-1"]),
        ("Jörg".encode("latin-1"), ['content-type: text/plain; charset="us-ascii"']),
        ("Jörg".encode(), ["Content-Transfer-Encoding: 8bit", "Content-Type: text/plain; charset=UTF-8"]),
        (base64.encodebytes("Jörg".encode()), ["Content-Transfer-Encoding: base64"]),
        (quopri.encodestring("Jörg".encode()), ["Content-Transfer-Encoding: Quoted-Printable"]),
    ],
)
def test_a_part_is_read_as_it_says(value, headers):
    """A value in a charset of its own, as Java programs send it, was a 400."""
    body = part("email", b"a@example.com") + part("name", value, *headers) + b"--x--\r\n"

    assert read_form(MULTIPART, body) == {"email": "a@example.com", "name": "Jörg"}


def test_a_charset_of_one_part_is_not_that_of_the_next():
    latin = part("first", b"J\xf6rg", "Content-Type: text/plain; charset=iso-8859-1")
    body = latin + part("second", "Jörg".encode()) + b"--x--\r\n"

    assert read_form(MULTIPART, body) == {"first": "Jörg", "second": "Jörg"}


@pytest.mark.parametrize(
    "body",
    [
        part("name", b"x", "Content-Type: text/plain; charset=utf-7"),
        part("name", b"x", "Content-Transfer-Encoding: gzip"),
        part("name", b"abc", "Content-Transfer-Encoding: base64"),
        b"--x\r\nContent-Disposition: form-data\r\n\r\nx\r\n",
        b"--x\r\n\r\nx\r\n",
        part("name", b"x", *(f"X-{number}: y" for number in range(1_000))),
        part("name", b"x", f"X-Long: {'y' * 100_000}"),
    ],
)
def test_a_part_that_cannot_be_read_is_refused(body):
    with pytest.raises(MalformedRequest):
        read_form(MULTIPART, body + b"--x--\r\n")


def test_a_form_is_read_in_the_time_of_its_length():
    body = part("name", b"\r\n--" * 200_000) + b"--x--\r\n"

    assert len(read_form(MULTIPART, body)["name"]) == 800_000
