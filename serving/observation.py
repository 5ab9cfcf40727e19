"""The outermost ASGI middleware: a request's id, its timings, its log line and its metrics."""

import logging
from collections.abc import Sequence

from starlette.datastructures import Headers, MutableHeaders
from starlette.routing import BaseRoute, Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving.errors import ServingError, refuse
from serving.logs import current_request
from serving.metrics import Metrics
from serving.probes import is_probe
from serving.trace import Trace, request_id

logger = logging.getLogger("serving.requests")

CLIENT_GONE = 499  # nginx's code for it


def is_quiet(path: str) -> bool:
    """Whether machines ask for ``path`` every few seconds."""
    return is_probe(path) or path == "/metrics"


class Observation:
    """Begin a trace for every request, and report it at the end."""

    def __init__(self, app: ASGIApp, metrics: Metrics, routes: Sequence[BaseRoute]) -> None:
        self.app = app
        self.metrics = metrics
        self.routes = routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; an error that nothing has handled is logged and becomes a 500."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        trace = Trace(request_id(Headers(scope=scope).get("x-request-id")))
        scope.setdefault("state", {})["trace"] = trace
        current_request.set(trace.id)  # every request runs in a context of its own
        status = CLIENT_GONE

        async def send_observed(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers["x-request-id"] = trace.id
                headers["server-timing"] = trace.server_timing()
            await send(message)

        with self.metrics.requests_in_flight.track_inprogress():
            try:
                await self.app(scope, receive, send_observed)
            except Exception:
                logger.exception("internal error")
                if status != CLIENT_GONE:
                    raise  # too late for another reply
                error = ServingError("internal error; the server's log says more")
                await refuse(scope, error)(scope, receive, send_observed)
            finally:
                self._report(scope, trace, status)

    def _route(self, scope: Scope) -> str:
        """Return the path of the request's route, even if it was refused before it got there."""
        meant = (each for each in self.routes if each.matches(scope)[0] is not Match.NONE)
        route = scope.get("route") or next(meant, None)
        return str(getattr(route, "path", "none"))

    def _report(self, scope: Scope, trace: Trace, status: int) -> None:
        route = self._route(scope)
        self.metrics.observe_request(route, scope["method"], status, trace)
        level = logging.DEBUG if is_quiet(route) else logging.INFO
        fields = {
            "method": scope["method"],
            "route": route,
            "status": status,
            "windows": trace.windows,
            **({"unknown": round(trace.unknown / trace.tokens, 3)} if trace.tokens else {}),
            "ms": round(1e3 * trace.total, 2),
            **{f"{stage}_ms": round(1e3 * each, 2) for stage, each in trace.stages.items()},
            **({"error": trace.refused} if trace.refused else {}),
        }
        logger.log(level, "request", extra={"fields": fields})
