from contextlib import suppress
from ipaddress import IPv6Address

import httpx2
import pytest

from jazzaam.errors import TooManyRequests
from jazzaam.web.flood import NetworkLimits


def test_a_network_is_counted_by_itself_and_anew_in_the_next_window():
    limits = NetworkLimits(seconds=3_600)

    for network in ("192.0.2.1", "192.0.2.2"):
        for _ in range(3):
            limits.spend({network: 3})
        with pytest.raises(TooManyRequests) as refused:
            limits.spend({network: 3})
        assert 1 <= refused.value.retry_after_seconds <= 3_601

    limits._window -= 1
    limits.spend({"192.0.2.1": 3})


def test_however_many_networks_there_are_so_many_are_remembered():
    limits = NetworkLimits(seconds=3_600, most_networks=10)

    for number in range(10):
        limits.spend({str(number): 5})
    for number in range(10, 15):
        limits.spend({str(number): 5})
    with pytest.raises(TooManyRequests):
        limits.spend({"15": 5})

    assert len(limits._counts) == 11
    limits.spend({"0": 5})


def test_who_is_refused_takes_no_place_among_the_networks_that_are_counted():
    """Two IPv6 sites filled the table with households, and every new visitor was refused."""
    limits = NetworkLimits(seconds=3_600, most_networks=100)
    for site in ("a", "b"):
        for household in range(1_000):
            with suppress(TooManyRequests):
                limits.spend({f"{site}{household}": 5, site: 20})

    for visitor in range(50):
        limits.spend({f"visitor {visitor}": 5})


@pytest.fixture
async def submit(app, client, acme):
    form = (await client.post("/api/v1/forms/platforms/linkedin", headers=acme.headers)).json()

    async def submit(address, person):
        transport = httpx2.ASGITransport(app=app, client=(address, 1))
        async with httpx2.AsyncClient(transport=transport, base_url="http://test") as visitor:
            sent = {"linkedinUrl": f"https://www.linkedin.com/in/person-{person}"}
            answer = await visitor.post(
                f"/api/v1/public/forms/{form['accessToken']}/submissions", json=sent
            )
            return answer.status_code

    return submit


@pytest.fixture
def few(app):
    """Few submissions a minute from one network, as this process counts them."""
    before, settings = app.state.submissions, app.state.settings
    app.state.submissions = NetworkLimits(seconds=3_600)
    app.state.settings = settings.model_copy(
        update={"submissions_per_network": 3, "submissions_per_site": 7}
    )
    yield
    app.state.submissions, app.state.settings = before, settings


async def test_one_address_cannot_flood_a_form_and_others_still_can_submit(submit, few):
    flood = [await submit("192.0.2.7", number) for number in range(6)]
    other = await submit("192.0.2.8", 99)

    assert flood == [201] * 3 + [429] * 3
    assert other == 201


async def test_an_ipv6_customer_is_one_network_and_their_site_another(submit, few):
    base = int(IPv6Address("2001:db8:1::"))
    one_household = [await submit(str(IPv6Address(base + number)), number) for number in range(5)]
    households = [await submit(str(IPv6Address(base + (n << 64))), 10 + n) for n in range(1, 6)]
    another_site = await submit("2001:db8:2::1", 50)

    assert one_household == [201] * 3 + [429] * 2
    assert households.count(201) == 4  # three of the site's seven were spent
    assert another_site == 201
