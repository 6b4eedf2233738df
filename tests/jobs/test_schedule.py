"""When something comes again: every wall-clock time once, in every zone, whatever its clocks do."""

import itertools
import zoneinfo
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from jazzaam.jobs.schedule import Beat, Cron, delay_of, next_fire

ZONES = sorted(zoneinfo.available_timezones() - {"localtime", "Factory"})
DAYS = st.dates(date(2020, 1, 1), date(2040, 1, 1))  # a schedule is made for days to come


def instant(day: date, at: time, zone: ZoneInfo) -> datetime:
    """Say when a clock first shows a wall time or, where it jumps over it, when it jumps."""
    wanted = datetime.combine(day, at)
    first = wanted.replace(tzinfo=zone, fold=0).astimezone(UTC)
    if first.astimezone(zone).replace(tzinfo=None) == wanted:
        return first
    early, late = first - timedelta(days=2), first + timedelta(days=2)  # a clock jumps a day at most
    while late - early > timedelta(seconds=1):
        middle = early + (late - early) / 2
        shown = middle.astimezone(zone).replace(tzinfo=None)
        early, late = (middle, late) if shown < wanted else (early, middle)
    return late.replace(microsecond=0)


def fires(cron, after, zone, until):
    found = []
    while (at := next_fire(cron, found[-1] if found else after, zone)) < until:
        found.append(at)
    return found


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(ZONES), DAYS, st.times().map(lambda at: at.replace(second=0, microsecond=0)))
@example("Europe/Berlin", date(2026, 3, 28), time(2, 30))
@example("Europe/Berlin", date(2026, 10, 24), time(2, 30))
@example("Australia/Lord_Howe", date(2026, 10, 3), time(2, 15))
@example("America/Sao_Paulo", date(2018, 11, 3), time(0, 0))
@example("Pacific/Apia", date(2011, 12, 29), time(8, 0))
@example("America/Nuuk", date(2026, 3, 27), time(23, 30))
def test_a_daily_job_comes_once_for_every_day_of_the_calendar(zone, day, at):
    cron = Cron(f"{at.minute} {at.hour} * * *", Beat.company)
    days = [day + timedelta(days=number) for number in range(4)]
    expected = sorted({instant(one, at, ZoneInfo(zone)).replace(second=0) for one in days})

    after = instant(day, time(0), ZoneInfo(zone)) - timedelta(seconds=1)
    found = fires(cron, after, zone, max(expected) + timedelta(seconds=1))

    assert [one.replace(second=0) for one in found if one >= expected[0]] == expected


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(ZONES), DAYS, st.sampled_from(["*/15 * * * *", "*/5 * * * *"]))
def test_what_comes_every_few_minutes_comes_so_in_real_time(zone, day, expression):
    cron, start = Cron(expression, Beat.company), datetime.combine(day, time(), UTC)
    step = timedelta(minutes=int(expression[2:4].strip()))

    found = fires(cron, start, zone, start + timedelta(hours=30))

    assert all(later - earlier == step for earlier, later in itertools.pairwise(found)) or _odd(zone, day)
    assert len(set(found)) == len(found)


def _odd(zone: str, day: date) -> bool:
    """Tell whether the zone's distance to UTC changes then by what is no multiple of the step."""
    offsets = {
        (datetime.combine(day, time(), UTC) + timedelta(hours=hours)).astimezone(ZoneInfo(zone)).utcoffset()
        for hours in range(-1, 32)
    }
    return len(offsets) > 1 or any(one.total_seconds() % 300 for one in offsets)


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from(ZONES),
    st.integers(0, 70 * 365 * 24 * 3600),
    st.sampled_from(["0 8 * * 1-5", "30 2 * * *", "0,30 1,2 * * *", "15 0 1 * *", "0 0 29 2 *"]),
)
def test_the_next_fire_is_always_later_and_the_same_from_anywhere_before_it(zone, seconds, expression):
    cron, after = Cron(expression, Beat.company), datetime.fromtimestamp(seconds, UTC)

    at = next_fire(cron, after, zone)

    assert at > after
    assert at.tzinfo is UTC
    assert next_fire(cron, at - timedelta(seconds=1), zone) == at


def test_the_second_of_two_equal_hours_brings_nothing_again():
    """Clocks in Berlin show 02:00 to 03:00 twice on 25 October 2026."""
    cron = Cron("30 2 * * *", Beat.company)
    first = next_fire(cron, datetime(2026, 10, 24, 12, tzinfo=UTC), "Europe/Berlin")

    assert first == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    for minutes in range(0, 180, 7):
        at = first + timedelta(minutes=minutes)
        assert next_fire(cron, at, "Europe/Berlin") == datetime(2026, 10, 26, 1, 30, tzinfo=UTC)


@pytest.mark.parametrize("zone", ["", "Nowhere/Land", "../etc/passwd", "UTC\0", "x" * 5000])
def test_an_unknown_zone_counts_as_utc(zone):
    at = next_fire(Cron("0 8 * * *", Beat.company), datetime(2026, 1, 1, tzinfo=UTC), zone)

    assert at == datetime(2026, 1, 1, 8, tzinfo=UTC)


@pytest.mark.parametrize("expression", ["", "* * * *", "61 * * * *", "0 0 31 2 *", "@daily", "x"])
def test_what_is_no_schedule_is_refused_when_it_is_declared(expression):
    with pytest.raises(ValueError, match="no schedule"):
        Cron(expression, Beat.control)


def test_seconds_come_first():
    fire = next_fire(Cron("*/10 * * * * *", Beat.control), datetime(2026, 1, 1, 0, 0, 3, tzinfo=UTC))

    assert fire == datetime(2026, 1, 1, 0, 0, 10, tzinfo=UTC)


class TestSpread:
    CRON = Cron("0 1 * * *", Beat.fleet, spread=timedelta(hours=4))

    def test_a_tenants_turn_is_always_the_same_and_within_the_spread(self):
        delays = [delay_of(self.CRON, "x", f"{number:024x}") for number in range(1000)]

        assert delays == [delay_of(self.CRON, "x", f"{number:024x}") for number in range(1000)]
        assert all(timedelta() <= delay < timedelta(hours=4) for delay in delays)

    def test_tenants_are_spread_evenly_and_each_job_otherwise(self):
        hours = [0, 0, 0, 0]
        for number in range(4000):
            hours[delay_of(self.CRON, "x", f"{number:024x}") // timedelta(hours=1)] += 1

        assert all(850 < count < 1150 for count in hours)
        assert delay_of(self.CRON, "x", "a") != delay_of(self.CRON, "y", "a")

    def test_only_what_is_fleet_wide_is_spread(self):
        with pytest.raises(ValueError, match="fleet-wide"):
            Cron("0 1 * * *", Beat.company, spread=timedelta(hours=4))


@pytest.mark.slow
@pytest.mark.parametrize(
    "at", [time(0, 0), time(0, 30), time(1, 30), time(2, 30), time(3, 0), time(23, 45)]
)
def test_every_change_of_every_zones_clocks_in_four_years_brings_each_day_once(at):
    cron, changes = Cron(f"{at.minute} {at.hour} * * *", Beat.company), 0
    for name in ZONES:
        zone, day = ZoneInfo(name), datetime(2024, 1, 1, 12, tzinfo=UTC)
        while day.year < 2028:
            tomorrow = day + timedelta(days=1)
            if day.astimezone(zone).utcoffset() != tomorrow.astimezone(zone).utcoffset():
                changes += 1
                first = day.astimezone(zone).date() - timedelta(days=1)
                days = [first + timedelta(days=number) for number in range(4)]
                expected = sorted({instant(one, at, zone) for one in days})
                found = fires(
                    cron, expected[0] - timedelta(seconds=1), name, expected[-1] + timedelta(seconds=1)
                )
                assert found == expected, (name, day)
            day = tomorrow

    assert changes > 500
