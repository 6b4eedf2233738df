import pytest
from hypothesis import given
from hypothesis import strategies as st

from jazzaam.crm.forms.answers import (
    MAXIMUM_OTHER_BYTES,
    MAXIMUM_OTHER_FIELDS,
    MAXIMUM_VALUE_BYTES,
    Question,
    read_answers,
)
from jazzaam.crm.forms.models import FieldType


def question(name="q", type_="text", *, required=False, options=()):
    return Question(name, type_, name, required, options)


@pytest.mark.parametrize(
    ("type_", "good", "bad"),
    [
        ("text", "x", "x" * 201),
        ("email", "ada@example.com", "ada@"),
        ("tel", "+49 (30) 123-456", "call me"),
        ("url", "https://example.com/x", "javascript:alert(1)"),
        ("number", "-12.5", "twelve"),
        ("date", "2026-02-28", "2026-02-30"),
        ("select", "a", "c"),
        ("textarea", "x" * 4000, None),
    ],
)
def test_each_type_has_its_grammar(type_, good, bad):
    asked = [question(type_=type_, options=("a", "b"))]

    assert read_answers(asked, {"q": good}).valid == {"q": good}
    if bad is not None:
        refused = read_answers(asked, {"q": bad})
        assert [error.pointer for error in refused.errors] == ["/q"]
        assert refused.valid == {}


@pytest.mark.parametrize("sent", [{}, {"q": ""}, {"q": "   "}, {"q": None}])
def test_a_required_answer_is_required(sent):
    assert [error.code for error in read_answers([question(required=True)], sent).errors] == ["required"]
    assert read_answers([question()], sent).errors == []


def test_a_required_box_must_be_checked():
    asked = [question(type_="checkbox", required=True)]

    assert read_answers(asked, {"q": True}).errors == []
    assert read_answers(asked, {"q": "false"}).errors != []


def test_what_nobody_asked_is_kept_within_bounds():
    most = {f"f{number}": "x" for number in range(MAXIMUM_OTHER_FIELDS)}
    kept = read_answers([], most)
    many = read_answers([], {**most, "one more": "x"})
    long = read_answers([], {"__VIEWSTATE": "é" * MAXIMUM_VALUE_BYTES})
    much = read_answers([], {f"f{number}": "x" * 3_900 for number in range(MAXIMUM_OTHER_FIELDS)})

    assert (kept.raw, kept.dropped, kept.errors) == (most, 0, [])
    assert (many.raw, many.dropped, many.errors) == (most, 1, [])
    assert (len(long.raw["__VIEWSTATE"].encode()), long.dropped, long.errors) == (4_000, 1, [])
    assert sum(len(name) + len(text) for name, text in much.raw.items()) <= MAXIMUM_OTHER_BYTES
    assert much.dropped == 28
    assert much.errors == []


@pytest.mark.parametrize("name", ["$where", "a.b", "", "a\x00", "submit.x", "\ud800"])
def test_a_name_that_mongodb_would_read_is_left_out_and_loses_nobody(name):
    answers = read_answers([question()], {name: "x", "q": "kept"})

    assert (answers.raw, answers.errors, answers.dropped) == ({"q": "kept"}, [], 1)


@pytest.mark.parametrize("value", [["x"], {"$gt": ""}, "a\x00", "\ud800"])
def test_a_value_that_is_no_text_is_left_out_unless_it_was_asked_for(value):
    assert read_answers([], {"extra": value}).errors == []
    assert [error.pointer for error in read_answers([question()], {"q": value}).errors] == ["/q"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@given(st.dictionaries(st.text(max_size=50), JSON, max_size=40))
def test_nothing_that_can_be_sent_breaks_the_reading(sent):
    asked = [question(f"q{number}", str(type_)) for number, type_ in enumerate(FieldType)]

    answers = read_answers([*asked, question("r", required=True)], sent)

    for text in answers.raw.values():
        text.encode()
    assert set(answers.valid) <= {one.name for one in asked} | {"r"}
