import pytest
from hypothesis import given
from hypothesis import strategies as st

from jazzaam.crm.leads.derived import require_somebody, with_full_name
from jazzaam.errors import InvalidInput

JANE = {"firstName": "Jane", "lastName": "Doe", "fullName": "Jane Doe"}


@pytest.mark.parametrize(
    ("changes", "full_name"),
    [
        ({"lastName": "Roe"}, "Jane Roe"),
        ({"firstName": None}, "Doe"),
        ({"firstName": None, "lastName": None}, None),
        ({"fullName": "Dr. J. Doe"}, "Dr. J. Doe"),
        ({"fullName": "J. Roe", "lastName": "Roe"}, "J. Roe"),
        ({"fullName": None}, "Jane Doe"),
        ({"fullName": "", "lastName": "Roe"}, "Jane Roe"),
    ],
)
def test_the_full_name_follows_the_first_and_the_last(changes, full_name):
    assert with_full_name(changes, JANE)["fullName"] == full_name


def test_what_is_not_about_names_leaves_the_name_alone():
    assert with_full_name({"notes": "x"}, JANE) == {"notes": "x"}


NAME = st.none() | st.sampled_from(["", "Jane", "Doe", "Ωmega"])


@given(st.fixed_dictionaries({}, optional={"firstName": NAME, "lastName": NAME}))
def test_a_lead_without_a_full_name_of_its_own_has_the_joined_one(changes):
    after = {**JANE, **with_full_name(changes, JANE)}

    joined = " ".join(name for name in (after["firstName"], after["lastName"]) if name)
    assert (after["fullName"] or "") == joined


GRACE = {"fullName": "Grace Hopper"}
ANN = {"fullName": "Prof. Ann Lee", "firstName": "Ann", "lastName": "Lee"}


@pytest.mark.parametrize(
    ("before", "changes", "full_name"),
    [
        (GRACE, {"firstName": "Grace"}, "Grace Hopper"),
        (GRACE, {"firstName": None, "lastName": None}, "Grace Hopper"),
        (GRACE, {"lastName": ""}, "Grace Hopper"),
        (GRACE, {"firstName": "Ada", "lastName": "Lovelace"}, "Ada Lovelace"),
        (ANN, {"firstName": "Ann"}, "Prof. Ann Lee"),
        (ANN, {"firstName": None}, "Prof. Ann Lee"),
        (ANN, {"lastName": "Lim"}, "Ann Lim"),
        ({}, {"lastName": "Lim"}, "Lim"),
    ],
)
def test_a_full_name_that_says_more_is_not_overwritten_by_a_part(before, changes, full_name):
    """A first name alone cut the last name off a lead that had come with a full name."""
    assert {**before, **with_full_name(changes, before)}["fullName"] == full_name


@pytest.mark.parametrize("lead", [{}, {"fullName": "", "email": None}, {"notes": "x", "city": "Oslo"}])
def test_a_lead_that_is_nobody_is_refused(lead):
    with pytest.raises(InvalidInput):
        require_somebody(lead)
