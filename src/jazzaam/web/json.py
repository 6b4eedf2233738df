"""JSON as it leaves: ids as 24 hex digits, times in RFC 3339 UTC with a `Z`.

Stored documents go from BSON to JSON without a model in between: their fields were named when they
were read.
"""

import math
from datetime import datetime
from typing import Any, Final

import orjson
from bson import Decimal128, ObjectId
from starlette.responses import Response

_OPTIONS: Final = orjson.OPT_UTC_Z | orjson.OPT_NAIVE_UTC | orjson.OPT_NON_STR_KEYS
JSON_MEDIA_TYPE: Final = "application/json"


def to_json(value: Any) -> bytes:
    """Write a value that came from BSON or from a model as JSON."""
    return orjson.dumps(value, _plain, _OPTIONS)


def resource(document: dict[str, Any]) -> dict[str, Any]:
    """Give a stored document as a resource: its `_id` is called `id`."""
    document["id"] = document.pop("_id")
    return document


def json_response(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """Answer with JSON."""
    return Response(to_json(value), status, headers, JSON_MEDIA_TYPE)


def _plain(value: Any) -> Any:
    if isinstance(value, ObjectId):
        return str(value)
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Decimal128):
        number = float(value.to_decimal())
        return number if math.isfinite(number) else None
    if isinstance(value, bytes):
        return value.hex()
    return str(value)  # rarer BSON types, only in documents written by another system
