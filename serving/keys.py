"""ASGI middleware that asks for an API key."""

import hmac
from collections.abc import Sequence

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from serving.errors import Unauthorized, refuse
from serving.probes import is_probe

#: Anyone may read these, as well as the probes: nothing in them is secret.
OPEN = frozenset({"/docs", "/openapi.json", "/", "/web/page.css", "/web/page.js"})


class Keys:
    """Answer 401 unless a request has one of ``keys``, or reads what is open."""

    def __init__(self, app: ASGIApp, keys: Sequence[str], metrics_open: bool) -> None:
        self.app = app
        self.keys = [key.encode() for key in keys]
        self.open = OPEN | {"/metrics"} if metrics_open else OPEN

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer 401 before its body is read."""
        reading = scope["type"] == "http" and scope["method"] in ("GET", "HEAD")
        if (
            scope["type"] != "http"
            or (reading and (scope["path"] in self.open or is_probe(scope["path"])))
            or self._knows(scope)
        ):
            await self.app(scope, receive, send)
            return
        error = Unauthorized("an API key is needed: send the header authorization: Bearer KEY")
        await refuse(scope, error)(scope, receive, send)

    def _knows(self, scope: Scope) -> bool:
        scheme, _, given = Headers(scope=scope).get("authorization", "").partition(" ")
        # all keys are compared, each in constant time, so that the time tells nothing about any
        matches = [hmac.compare_digest(key, given.strip().encode()) for key in self.keys]
        return scheme.lower() == "bearer" and any(matches)
