from hypothesis import given
from hypothesis import strategies as st

from jazzaam.crm.leads.facets import SINGLE, facet, facets_of


def test_a_lead_has_a_facet_for_each_thing_it_can_be_filtered_by():
    lead = {"status": "new", "platform": "meta", "notes": "x", "tags": [{"name": "vip"}, {"name": "vip"}]}

    assert facets_of(lead) == ["platform:meta", "status:new", "tag:vip"]


@given(st.dictionaries(st.sampled_from(SINGLE), st.one_of(st.none(), st.text(max_size=300))))
def test_a_filter_finds_exactly_the_leads_that_hold_its_value(lead):
    for name, value in lead.items():
        assert (facet(name, value) in facets_of(lead)) == (value not in (None, ""))
