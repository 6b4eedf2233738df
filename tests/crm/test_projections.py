from jazzaam.crm.leads.schemas import LeadDetail, LeadSummary
from jazzaam.crm.projections import projection_of
from jazzaam.web.input import Output


class Inner(Output):
    small_thing: int | None = None


class Outer(Output):
    id: str
    inner: Inner | None = None
    many: list[Inner] | None = None
    whole: dict[str, str] | None = None


def test_every_leaf_is_named_and_nothing_else():
    assert projection_of(Outer) == {"inner.smallThing": 1, "many.smallThing": 1, "whole": 1}


def test_a_model_without_an_id_does_not_read_one():
    assert projection_of(Inner) == {"smallThing": 1, "_id": 0}


def test_a_summary_leaves_the_platforms_data_out():
    assert "platformData" not in projection_of(LeadSummary)
    assert "platformData" in projection_of(LeadDetail)
