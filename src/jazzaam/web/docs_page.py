"""Pages for whoever looks: what answers here, and the API's documentation, with nothing from elsewhere.

The documentation is Swagger UI, served from its package.
"""

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


_FRONT: Final = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Jazzaam</title>
<style nonce="{nonce}">
body {{ max-width: 40rem; margin: 4rem auto; padding: 0 1rem; font: 1.1rem/1.6 system-ui, sans-serif; }}
</style>
<main>
<h1>Jazzaam</h1>
<p>This is the API of a CRM: companies capture leads with forms, qualify them and follow them up, each in a
database of its own. There is no application here yet; programs use the API.</p>
<ul>
<li><a href="/docs">The API's documentation</a>, to read and to try</li>
<li><a href="/api/v1/openapi.json">The OpenAPI document</a>, for programs</li>
<li><a href="/readyz">Whether it is ready</a></li>
</ul>
</main>
</html>
"""


@router.get("/")
async def front() -> Response:
    """Say what answers here, and where to go on."""
    nonce = secrets.token_urlsafe(16)
    policy = f"default-src 'none'; style-src 'nonce-{nonce}'; base-uri 'none'; frame-ancestors 'none'"
    return HTMLResponse(
        _FRONT.format(nonce=nonce),
        headers={"Content-Security-Policy": policy, "Cache-Control": "no-store"},
    )


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
