"""What travels through a broker: where a job's row is, signed by us. JSON; nothing of a job itself."""

import hmac
import json
from typing import Any, Final, cast

from bson import ObjectId
from bson.errors import InvalidId

from jazzaam.jobs.models import Place
from jazzaam.signing import BadSignature, Keyring

_PURPOSE: Final = "job message"
_LONGEST_BYTES: Final = 1_000


class Forged(Exception):
    """A message that we did not write, or that was changed on its way."""


class Messages:
    """Writes and reads messages; the first key signs, all verify."""

    def __init__(self, keyring: Keyring) -> None:
        self._keyring = keyring

    def write(self, place: Place) -> bytes:
        """Say where a job is."""
        where = [place.cluster, place.tenant_id, str(place.job_id), place.attempt]
        said, key_id = json.dumps(where), self._keyring.current_id
        return json.dumps({"at": said, "key": key_id, "mac": self._mac(key_id, said)}).encode()

    def read(self, message: bytes) -> Place:
        """Give the place that `write` was given; raises `Forged`."""
        if len(message) > _LONGEST_BYTES:
            raise Forged
        try:
            envelope: Any = json.loads(message)
            said, key_id, mac = envelope["at"], envelope["key"], envelope["mac"]
            if not hmac.compare_digest(str(mac).encode(), self._mac(str(key_id), str(said)).encode()):
                raise Forged
            cluster, tenant_id, job_id, attempt = cast("list[Any]", json.loads(said))
            return Place(cluster, tenant_id, ObjectId(job_id), attempt)
        except (ValueError, TypeError, KeyError, RecursionError, BadSignature, InvalidId):
            raise Forged from None

    def _mac(self, key_id: str, said: str) -> str:
        return hmac.digest(self._keyring.key(_PURPOSE, key_id), said.encode(), "sha256").hex()
