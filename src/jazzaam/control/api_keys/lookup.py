"""From an API key to who acts with it, under the one-second rule."""

import re
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Final, NamedTuple

from bson import ObjectId

from jazzaam.clock import Clock
from jazzaam.control.accounts.models import Standing
from jazzaam.control.api_keys.errors import ApiKeyRefused
from jazzaam.control.api_keys.models import API_KEYS, KEY_PATTERN, hash_of
from jazzaam.control.api_keys.repository import USED_EVERY, ApiKeyRepository, key_by_hash
from jazzaam.control.memberships.models import Actor, ActorKind, Member
from jazzaam.tenancy.database import SystemDatabase
from jazzaam.tenancy.freshness import FreshCache, Freshness, Loaded, Source

_SHAPE: Final = re.compile(KEY_PATTERN)
_REMEMBERED: Final = 10_000

StandingOf = Callable[[ObjectId, ObjectId], Awaitable[Loaded[Standing] | None]]
"""Reads how an account stands in a company; None when it does not work there."""


class _Known(NamedTuple):
    key_id: ObjectId
    member: Member
    expires_at: datetime | None


class ApiKeys:
    """The keys of this process's requests, at most `size` of them remembered."""

    def __init__(
        self,
        system: Callable[[], SystemDatabase],
        freshness: Freshness,
        clock: Clock,
        standing_of: StandingOf,
        *,
        size: int = 10_000,
    ) -> None:
        self._system = system
        self._clock = clock
        self._standing_of = standing_of
        self._known = FreshCache(freshness, self._load, size=size)
        self._used: dict[ObjectId, datetime] = {}

    async def member(self, key: str) -> Member:
        """Give who acts with a key; raises `ApiKeyRefused`."""
        if _SHAPE.fullmatch(key) is None:
            raise ApiKeyRefused
        digest = hash_of(key)
        known = self._known.peek(digest) or await self._known.get(digest)
        now = self._clock.now()
        if known is None or (known.expires_at is not None and known.expires_at <= now):
            raise ApiKeyRefused
        await self._note_use(known, now)
        return known.member

    async def _note_use(self, known: _Known, at: datetime) -> None:
        last = self._used.get(known.key_id)
        if last is not None and at - last < USED_EVERY:
            return
        if len(self._used) >= _REMEMBERED:
            self._used.clear()
        self._used[known.key_id] = at
        await ApiKeyRepository(self._system(), known.member.company_id).note_use(known.key_id, at)

    async def _load(self, digest: bytes) -> Loaded[_Known] | None:
        """Read a key, and how who made it stands in the company now: it can do no more than they."""
        key = await key_by_hash(self._system(), digest)
        standing = await self._standing_of(key.created_by, key.company_id) if key else None
        if key is None or standing is None or standing.value.lacks_second_factor:
            return None
        actor = Actor(ActorKind.api_key, str(key.id))
        permissions = key.scopes & standing.value.permissions
        member = Member(
            actor,
            str(key.company_id),
            permissions,
            own_leads_only=standing.value.own_leads_only,
            account_id=key.created_by,
        )
        sources = [Source(API_KEYS.name, key.id), *standing.sources]
        return Loaded(_Known(key.id, member, key.expires_at), sources)
