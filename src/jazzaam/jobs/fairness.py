"""Whose job is handed over next: pure.

Weighted round robin over tenants. A tenant has at most `cap` jobs under way while others have any, and
`burst` when none has; neither takes all slots, so that whoever comes next finds one free. Jobs that are
handed over and have not ended are *under way*; one that is not heard of in time is no longer counted, and
its tenant is looked at again.
"""

import heapq
from collections import OrderedDict, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Final

from bson import ObjectId

from jazzaam.jobs.models import Place

Owner = tuple[str, str | None]
"""Whose jobs they are: a cluster and a tenant there, or the shared database when the second is None."""

_SLACK: Final = 1_000
WINDOW: Final = 64
"""How many jobs of one tenant are remembered; the others wait in its database."""


@dataclass(frozen=True, slots=True)
class Room:
    """How many jobs may be under way: of all tenants, of one beside others, of one that is alone.

    `slots` of them can run at once; the others are on their way to a worker.
    """

    slots: int
    total: int
    cap: int
    burst: int


def room_for(slots: int) -> Room:
    """Give the room that so many workers' slots make: as many again may be on their way to a worker."""
    return Room(slots, total=2 * slots, cap=max(1, slots // 2), burst=max(1, slots - max(1, slots // 4)))


@dataclass(slots=True)
class _Line:
    """One tenant's jobs."""

    waiting: OrderedDict[ObjectId, Place] = field(default_factory=OrderedDict[ObjectId, Place])
    since: dict[ObjectId, float] = field(default_factory=dict[ObjectId, float])
    under_way: dict[ObjectId, float] = field(default_factory=dict[ObjectId, float])
    running: set[ObjectId] = field(default_factory=set[ObjectId])
    turns: int = 0
    weight: int = 1
    most: int | None = None
    queued: bool = False


class Backlog:
    """Jobs that are known and have not ended, in the order of their tenants' turns. Times are seconds."""

    def __init__(self, room: Room) -> None:
        self.room = room
        self._lines: dict[Owner, _Line] = {}
        self._rotation: deque[Owner] = deque()
        self._under_way = 0
        self._running = 0
        self._ends: list[tuple[float, int, Owner, ObjectId]] = []
        self._numbers = count()

    def share(self, owner: Owner, weight: int, most: int | None) -> None:
        """Say how many jobs a tenant hands over in a turn, and how many it may have under way at most."""
        line = self._lines.get(owner)
        if line is not None:
            line.weight, line.most = max(1, weight), most

    def add(self, place: Place, at: float = 0.0) -> bool:
        """Add a job that is due, heard of at a time.

        False when its tenant has so many waiting that it is not remembered.
        """
        owner = (place.cluster, place.tenant_id)
        line = self._lines.setdefault(owner, _Line())
        known = line.waiting.get(place.job_id)
        if known is not None:
            line.waiting[place.job_id] = max(known, place)  # the later attempt
        if known is not None or place.job_id in line.under_way:
            return True
        if len(line.waiting) >= WINDOW:
            return False
        line.waiting[place.job_id] = place
        line.since[place.job_id] = at
        self._queue(owner, line)
        return True

    def take(self, until: float) -> Place | None:
        """Give the job whose turn it is, under way until a time; None when there is none or no room."""
        while self._rotation and self._under_way < self.room.total:
            owner = self._rotation[0]
            line = self._lines[owner]
            if not line.waiting or len(line.under_way) >= self._allowed(line):
                self._rotation.popleft()
                line.queued, line.turns = False, 0
                self._forget_if_empty(owner, line)
                continue
            if line.turns == 0:
                line.turns = line.weight
            line.turns -= 1
            if line.turns == 0:
                self._rotation.rotate(-1)
            job_id, place = line.waiting.popitem(last=False)
            line.since.pop(job_id, None)
            self._under_way += 1
            self._goes_on(owner, line, job_id, until)
            return place
        return None

    def put_back(self, place: Place) -> None:
        """Take back a job that could not be handed over: it is next again."""
        owner = (place.cluster, place.tenant_id)
        self.ended(owner, place.job_id)
        line = self._lines.setdefault(owner, _Line())
        line.waiting[place.job_id] = place
        line.waiting.move_to_end(place.job_id, last=False)
        self._queue(owner, line)

    def goes_on(self, owner: Owner, job_id: ObjectId, until: float) -> None:
        """Note that a worker has a job until a time, whoever handed it over."""
        line = self._lines.setdefault(owner, _Line())
        line.waiting.pop(job_id, None)
        line.since.pop(job_id, None)
        self._under_way += job_id not in line.under_way
        self._running += job_id not in line.running
        line.running.add(job_id)
        self._goes_on(owner, line, job_id, until)

    def ended(self, owner: Owner, job_id: ObjectId) -> bool:
        """Note that a job ended, or waits for later; tells whether its tenant has none waiting here."""
        line = self._lines.get(owner)
        if line is None:
            return True
        line.waiting.pop(job_id, None)
        line.since.pop(job_id, None)
        if line.under_way.pop(job_id, None) is not None:
            self._under_way -= 1
            self._running -= job_id in line.running
            line.running.discard(job_id)
            self._queue(owner, line)
        empty = not line.waiting
        self._forget_if_empty(owner, line)
        return empty

    def forget(self, owner: Owner) -> None:
        """Forget what waits of a tenant: it is closed."""
        line = self._lines.get(owner)
        if line is not None:
            line.waiting.clear()
            line.since.clear()
            self._forget_if_empty(owner, line)

    def overdue(self, now: float, again: float) -> Iterator[Owner]:
        """Let go of jobs that were not heard of in time; yields whose they are.

        While every slot is taken, one that no worker has begun waits for its turn: it has `again` so long.
        """
        while self._ends and self._ends[0][0] <= now:
            end = heapq.heappop(self._ends)
            _, _, owner, job_id = end
            if not self._stands(end):
                continue
            line = self._lines[owner]
            if job_id not in line.running and self._running >= self.room.slots:
                self._goes_on(owner, line, job_id, now + again)
            else:
                self.ended(owner, job_id)
                yield owner

    @property
    def owners(self) -> set[Owner]:
        """List whose jobs are known, and have not ended."""
        return {owner for owner, line in self._lines.items() if line.waiting or line.under_way}

    @property
    def waiting(self) -> int:
        """Count the jobs that are known and not under way; of one tenant at most `WINDOW` are known."""
        return sum(len(line.waiting) for line in self._lines.values())

    @property
    def waiting_since(self) -> float | None:
        """Return when the job was heard of that waits longest; None while none waits."""
        return min((at for line in self._lines.values() for at in line.since.values()), default=None)

    def __len__(self) -> int:
        """Count the jobs that are under way."""
        return self._under_way

    def _allowed(self, line: _Line) -> int:
        allowed = self.room.cap if len(self._lines) > 1 else self.room.burst
        return allowed if line.most is None else max(1, min(allowed, line.most))

    def _queue(self, owner: Owner, line: _Line) -> None:
        if line.waiting and not line.queued:
            line.queued = True
            self._rotation.append(owner)

    def _goes_on(self, owner: Owner, line: _Line, job_id: ObjectId, until: float) -> None:
        line.under_way[job_id] = until
        heapq.heappush(self._ends, (until, next(self._numbers), owner, job_id))
        if len(self._ends) > 4 * self._under_way + _SLACK:
            self._ends = [one for one in self._ends if self._stands(one)]
            heapq.heapify(self._ends)

    def _stands(self, end: tuple[float, int, Owner, ObjectId]) -> bool:
        until, _, owner, job_id = end
        line = self._lines.get(owner)
        return line is not None and line.under_way.get(job_id) == until

    def _forget_if_empty(self, owner: Owner, line: _Line) -> None:
        if not line.waiting and not line.under_way and not line.queued:
            del self._lines[owner]
            if len(self._lines) == 1:  # who is alone now may have more than beside others
                for other, left in self._lines.items():
                    self._queue(other, left)
