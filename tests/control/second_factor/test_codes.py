from datetime import UTC, datetime

import pytest

from jazzaam.control.second_factor.codes import hash_of, new_recovery_codes, step_of

SECRET = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
"""The secret of RFC 6238's test vectors, in base 32."""


def at(seconds):
    return datetime.fromtimestamp(seconds, UTC)


@pytest.mark.parametrize(
    ("seconds", "code"),
    [
        (59, "287082"),
        (1111111109, "081804"),
        (1111111111, "050471"),
        (1234567890, "005924"),
        (2000000000, "279037"),
        (20000000000, "353130"),
    ],
)
def test_the_vectors_of_the_specification(seconds, code):
    """RFC 6238, appendix B: the last six of its eight digits."""
    assert step_of(SECRET, code, at(seconds)) == seconds // 30


def test_a_code_of_the_step_before_or_after_is_taken_and_no_other():
    steps = [step_of(SECRET, "005924", at(1234567890 + 30 * away)) for away in range(-2, 3)]

    assert steps == [None, 41152263, 41152263, 41152263, None]


def test_recovery_codes_are_ten_different_ones_however_they_are_typed():
    codes = new_recovery_codes()

    assert len(set(codes)) == 10
    assert hash_of(codes[0].upper().replace("-", "")) == hash_of(codes[0])
    assert len({hash_of(code) for code in codes}) == 10
