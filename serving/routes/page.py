"""The web page to try the gateway on, in plain HTML, CSS and JavaScript."""

from pathlib import Path

from fastapi import APIRouter
from fastapi.responses import FileResponse

WEB = Path(__file__).parents[1] / "web"

# the page loads nothing from elsewhere
SECURITY = {"content-security-policy": "default-src 'self'; img-src data:; frame-ancestors 'none'"}

router = APIRouter(include_in_schema=False)


@router.get("/")
async def page() -> FileResponse:
    """Return the page."""
    return FileResponse(WEB / "index.html", headers=SECURITY)


@router.get("/web/page.css")
async def style() -> FileResponse:
    """Return its style sheet."""
    return FileResponse(WEB / "page.css")


@router.get("/web/page.js")
async def script() -> FileResponse:
    """Return its script."""
    return FileResponse(WEB / "page.js")
