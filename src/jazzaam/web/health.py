"""Whether this process lives, and whether it can do its work; neither names anything."""

from collections.abc import Awaitable, Callable

from fastapi import APIRouter, Request, Response
from pymongo.errors import PyMongoError

from jazzaam.errors import Unavailable
from jazzaam.web.json import json_response
from jazzaam.web.problems import documented, problem_for

router = APIRouter(tags=["operation"])


@router.get("/healthz", summary="Is this process alive?")
async def healthz() -> dict[str, str]:
    """Answer without asking anything else."""
    return {"status": "ok"}


@router.get(
    "/readyz",
    summary="Can this process do its work?",
    responses=documented(Unavailable),
    response_model=dict[str, str],
)
async def readyz(request: Request) -> Response:
    """Answer 200 when MongoDB is reached and the catalog can be read, else 503."""
    ready: Callable[[], Awaitable[object]] = request.app.state.ready
    try:
        await ready()
    except PyMongoError:
        return problem_for(Unavailable())
    return json_response({"status": "ready"})
