"""The order in which jobs are handed over, as a table and as a machine."""

from collections import Counter

from bson import ObjectId
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from jazzaam.jobs.fairness import WINDOW, Backlog, Room, room_for
from jazzaam.jobs.models import Place

ROOM = Room(slots=4, total=8, cap=2, burst=3)


def place(tenant, number=None):
    job_id = ObjectId() if number is None else ObjectId(f"{number:024x}")
    return Place("main", tenant, job_id, 0)


def owner(one):
    return one.cluster, one.tenant_id


def filled(**counts):
    backlog = Backlog(ROOM)
    for tenant, count in counts.items():
        for _ in range(count):
            assert backlog.add(place(tenant))
    return backlog


def taken(backlog, count):
    return "".join(one.tenant_id for _ in range(count) if (one := backlog.take(1)) is not None)


def test_tenants_take_turns():
    assert taken(filled(a=2, b=2, c=2), 10) == "abcabc"


def test_one_that_is_alone_has_its_burst_and_no_more():
    assert taken(filled(a=10), 10) == "aaa"


def test_while_others_wait_it_has_its_cap():
    backlog = filled(a=10, b=10, c=10)

    assert Counter(taken(backlog, 20)) == {"a": 2, "b": 2, "c": 2}


def test_who_comes_later_does_not_wait_for_who_came_first():
    backlog = filled(a=60)
    taken(backlog, 10)

    backlog.add(place("b"))

    assert taken(backlog, 10) == "b"


def test_who_is_alone_again_has_its_burst():
    backlog = filled(a=10)
    backlog.add(other := place("b"))
    assert taken(backlog, 20) == "aba"

    backlog.ended(owner(other), other.job_id)

    assert taken(backlog, 20) == "a"


def test_a_weight_gives_more_in_a_turn():
    backlog = Backlog(Room(slots=50, total=100, cap=50, burst=50))
    for tenant in "ab":
        for _ in range(20):
            backlog.add(place(tenant))
    backlog.share(("main", "a"), 3, None)

    assert taken(backlog, 12) == "aaabaaabaaab"


def test_a_plan_allows_so_many_at_once_and_never_none():
    backlog = filled(a=10, b=10)
    backlog.share(("main", "a"), 1, 1)
    backlog.share(("main", "b"), 1, 0)

    assert Counter(taken(backlog, 20)) == {"a": 1, "b": 1}


def test_the_room_is_never_passed_and_an_end_makes_room():
    backlog = filled(**dict.fromkeys("abcdefgh", 5))
    first = [backlog.take(1) for _ in range(20)]
    under_way = [one for one in first if one]

    assert len(under_way) == len(backlog) == ROOM.total
    backlog.ended(owner(under_way[0]), under_way[0].job_id)
    assert backlog.take(1) is not None
    assert backlog.take(1) is None


def test_a_job_is_known_once_while_it_waits_or_is_under_way():
    backlog, one = Backlog(ROOM), place("a", 1)

    for _ in range(3):
        assert backlog.add(one)
    assert backlog.take(1) == one
    backlog.add(one)
    assert backlog.take(1) is None


def test_the_same_id_of_another_company_is_another_job():
    backlog, ours, theirs = Backlog(ROOM), place("a", 1), place("b", 1)
    backlog.add(ours)
    backlog.add(theirs)

    backlog.ended(owner(theirs), theirs.job_id)

    assert backlog.take(1) == ours


def test_what_could_not_be_handed_over_is_next_again():
    backlog = filled(a=2)
    first = backlog.take(1)

    backlog.put_back(first)

    assert backlog.take(1) == first


def test_a_window_of_jobs_is_remembered():
    backlog = filled(a=WINDOW)

    assert not backlog.add(place("a"))
    assert backlog.add(place("b"))


def test_what_was_not_heard_of_in_time_is_let_go():
    backlog = filled(a=1, b=1)
    first, second = backlog.take(10), backlog.take(10)
    backlog.goes_on(owner(first), first.job_id, 40)

    assert list(backlog.overdue(9, 30)) == []
    assert list(backlog.overdue(10, 30)) == [owner(second)]
    assert list(backlog.overdue(39, 30)) == []
    assert list(backlog.overdue(41, 30)) == [owner(first)]
    assert len(backlog) == 0
    assert backlog.owners == set()


def test_what_waits_for_a_slot_is_not_handed_over_again():
    backlog = filled(a=3, b=3, c=3)
    handed = [one for _ in range(8) if (one := backlog.take(10)) is not None]
    for one in handed[: ROOM.slots]:
        backlog.goes_on(owner(one), one.job_id, 60)

    assert list(backlog.overdue(20, 30)) == []
    backlog.ended(owner(handed[0]), handed[0].job_id)
    assert len(list(backlog.overdue(51, 30))) == len(handed) - ROOM.slots


def test_a_job_that_another_relay_handed_over_is_not_handed_over_again():
    backlog, one = Backlog(ROOM), place("a")
    backlog.add(one)

    backlog.goes_on(owner(one), one.job_id, 10)

    assert backlog.take(1) is None


@given(st.integers(1, 2000))
def test_every_number_of_slots_makes_room_and_leaves_some(slots):
    room = room_for(slots)

    assert 1 <= room.cap <= room.burst <= slots < room.total
    assert room.burst < slots or slots == 1


class Machine(RuleBasedStateMachine):
    """Whatever is done, nothing is lost, doubled or let through."""

    def __init__(self):
        super().__init__()
        self.backlog = Backlog(ROOM)
        self.waiting, self.under_way, self.now = {}, {}, 0.0

    @rule(tenant=st.sampled_from("abc"), number=st.integers(1, 30))
    def add(self, tenant, number):
        one = place(tenant, number)
        assert self.backlog.add(one)
        if one not in self.under_way:
            self.waiting[one] = None

    @rule(lasts=st.floats(0.5, 5))
    def take(self, lasts):
        one = self.backlog.take(self.now + lasts)
        if one is None:
            caps = Counter(one.tenant_id for one in self.under_way)
            free = [one for one in self.waiting if caps[one.tenant_id] < ROOM.cap]
            assert not free or len(self.under_way) == ROOM.total
        else:
            del self.waiting[one]
            self.under_way[one] = self.now + lasts

    @rule(data=st.data())
    def end(self, data):
        known = sorted([*self.waiting, *self.under_way])
        if known:
            one = data.draw(st.sampled_from(known))
            self.backlog.ended(owner(one), one.job_id)
            self.waiting.pop(one, None)
            self.under_way.pop(one, None)

    @rule(later=st.floats(0, 5))
    def wait(self, later):
        self.now += later
        late = {one for one, until in self.under_way.items() if until <= self.now}
        assert Counter(self.backlog.overdue(self.now, 1)) == Counter(owner(one) for one in late)
        for one in late:
            del self.under_way[one]

    @invariant()
    def counts_agree(self):
        assert len(self.backlog) == len(self.under_way)
        assert self.backlog.owners >= {owner(one) for one in [*self.waiting, *self.under_way]}
        assert all(count <= ROOM.burst for count in Counter(map(owner, self.under_way)).values())


TestMachine = Machine.TestCase
TestMachine.settings = settings(max_examples=60, stateful_step_count=60, deadline=None)
