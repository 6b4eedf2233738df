import pytest
from hypothesis import given
from hypothesis import strategies as st

from jazzaam.crm.forms.answers import Question, read_answers
from jazzaam.crm.leads.schemas import LeadCreate
from jazzaam.lines import on_one_line


@given(st.text())
def test_a_line_has_no_break_and_loses_no_word(text):
    line = on_one_line(text)

    assert len(line.splitlines()) <= 1
    assert "\t" not in line
    assert line.split() == text.split()


def test_blanks_within_a_line_stay_as_they_are():
    assert on_one_line("a  b\u00a0c") == "a  b\u00a0c"


def test_a_text_is_read_in_the_time_of_its_length():
    """A run of blanks was looked through anew from each of them: this took minutes."""
    text = "a" + " " * 200_000 + "b"

    assert on_one_line(text) == text
    assert on_one_line(f"{text}\n{text}") == f"{text} {text}"


BROKEN = "Ada\r\n\tLovelace\u2028Byron"


@pytest.mark.parametrize("kind", ["text", "textarea"])
def test_every_door_has_names_on_one_line_and_leaves_paragraphs_alone(kind):
    """A name with a line break went into lists, subjects and exports as it came."""
    lead = LeadCreate.model_validate({"fullName": BROKEN, "notes": BROKEN, "jobTitle": "a\nb"})
    answers = read_answers([Question("name", kind, "Name", required=True, options=())], {"name": BROKEN})

    assert (lead.full_name, lead.notes, lead.job_title) == ("Ada Lovelace Byron", BROKEN, "a b")
    assert answers.valid["name"] == (BROKEN if kind == "textarea" else "Ada Lovelace Byron")
    assert answers.raw["name"] == BROKEN
