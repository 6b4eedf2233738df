"""The API's documentation as a page: Swagger UI, served from its package, with nothing from elsewhere."""

import importlib.util
import secrets
from pathlib import Path
from typing import Final

from fastapi import APIRouter, Response
from fastapi.responses import FileResponse, HTMLResponse

from jazzaam.errors import NotFound

router = APIRouter(include_in_schema=False)

_FILES: Final = {
    "swagger-ui-bundle.js": "text/javascript",
    "swagger-ui.css": "text/css",
}
_PAGE: Final = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Jazzaam API</title>
<link rel="stylesheet" href="/docs/swagger-ui.css">
<div id="docs"></div>
<script src="/docs/swagger-ui-bundle.js"></script>
<script nonce="{nonce}">
SwaggerUIBundle({{url: "/api/v1/openapi.json", dom_id: "#docs", deepLinking: true}});
</script>
</html>
"""


@router.get("/docs")
async def docs() -> Response:
    """Show the API's documentation."""
    nonce = secrets.token_urlsafe(16)
    policy = (
        f"default-src 'none'; script-src 'self' 'nonce-{nonce}'; style-src 'self' 'unsafe-inline'; "
        "img-src 'self' data:; connect-src 'self'; base-uri 'none'; frame-ancestors 'none'"
    )
    return HTMLResponse(
        _PAGE.format(nonce=nonce),
        headers={"Content-Security-Policy": policy, "Cache-Control": "no-store"},
    )


@router.get("/docs/{name}")
async def docs_file(name: str) -> Response:
    """Give one of the page's files."""
    if name not in _FILES:
        raise NotFound
    return FileResponse(
        _swagger_folder() / name,
        media_type=_FILES[name],
        headers={
            "Content-Security-Policy": "default-src 'none'",
            "Cache-Control": "public, max-age=86400",
        },
    )


def _swagger_folder() -> Path:
    """Find Swagger UI in its package, without running the package."""
    spec = importlib.util.find_spec("fastapi_swagger")
    if spec is None or not spec.submodule_search_locations:
        raise NotFound
    return Path(spec.submodule_search_locations[0]) / "resources"
