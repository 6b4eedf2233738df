from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jazzaam.jobs.retry import RetryPolicy, pause_after

POLICY = RetryPolicy(attempts=5, first=timedelta(seconds=2), longest=timedelta(seconds=10))


@pytest.mark.parametrize(
    ("attempt", "shortest", "longest"), [(1, 1, 2), (2, 2, 4), (3, 4, 8), (4, 5, 10), (5, None, None)]
)
def test_pauses_double_up_to_the_longest_and_then_end(attempt, shortest, longest):
    least, most = pause_after(POLICY, attempt, lambda: 0.0), pause_after(POLICY, attempt, lambda: 1.0)

    assert (least and least.total_seconds(), most and most.total_seconds()) == (shortest, longest)


@given(st.integers(1, 10_000), st.floats(0, 1))
def test_it_ends(attempt, chance):
    pause = pause_after(POLICY, attempt, lambda: chance)

    assert (pause is None) == (attempt >= POLICY.attempts)
    assert pause is None or timedelta() < pause <= POLICY.longest
