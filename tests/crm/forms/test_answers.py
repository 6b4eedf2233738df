import pytest
from hypothesis import given
from hypothesis import strategies as st

from jazzaam.crm.forms.answers import MAXIMUM_FIELDS, MAXIMUM_VALUE_BYTES, Question, read_answers
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
    kept = read_answers([], {f"f{number}": "x" for number in range(MAXIMUM_FIELDS)})
    many = read_answers([], {f"f{number}": "x" for number in range(MAXIMUM_FIELDS + 1)})
    long = read_answers([], {"f": "x" * (MAXIMUM_VALUE_BYTES + 1)})

    assert len(kept.raw) == MAXIMUM_FIELDS
    assert kept.errors == []
    assert many.errors
    assert long.errors


@pytest.mark.parametrize("name", ["$where", "a.b", "", "a\x00"])
def test_a_name_that_mongodb_would_read_is_refused(name):
    assert read_answers([], {name: "x"}).errors


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
