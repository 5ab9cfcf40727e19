"""uvicorn's HTTP/1.1, with limits on connections and on the time for a request's head."""

from asyncio import TimerHandle, Transport
from typing import Any, cast

from fastapi.responses import JSONResponse
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from serving.errors import TooManyConnections, error_body
from serving.half_closed import HalfClosed


class BoundedProtocol(HttpToolsProtocol):
    """Hang up on a client that opens a connection, or begins a request, and then is too slow.

    uvicorn itself limits only the time between two requests. ``BodyLimit`` waits for bodies.
    A connection beyond ``max_connections`` gets an error and is closed at once. uvicorn's own limit
    would keep it, and refuse requests on connections that it accepted before.
    """

    def __init__(
        self, *args: Any, max_connections: int, head_seconds: float, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.max_connections = max_connections
        self.head_seconds = head_seconds
        self.head: TimerHandle | None = None

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        """Wait for a head, unless there are too many connections already."""
        super().connection_made(transport)
        if len(self.connections) > self.max_connections:
            self._refuse()
        else:
            self._wait_for_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting for a head."""
        self._wait_no_more()
        super().connection_lost(exc)

    def eof_received(self) -> bool:  # type: ignore[override]
        """Keep the connection of a client that sends no more until its last reply is sent.

        uvicorn itself would close it. Return whether it is kept: not if a request is incomplete,
        nor with TLS, where Python ends both directions together.
        """
        cycle = self.cycle
        if cycle is None or cycle.more_body or cycle.response_complete or self.scheme == "https":
            return False
        cycle.keep_alive = False
        if not self.pipeline and not cycle.response_started:
            cycle.transport = cast(Transport, HalfClosed(self.transport, self.loop))
        return True

    def on_message_begin(self) -> None:
        """Wait for the head of another request, whose first byte has come."""
        super().on_message_begin()
        self._wait_for_head()

    def on_headers_complete(self) -> None:
        """Stop waiting for a head."""
        self._wait_no_more()
        super().on_headers_complete()

    def _refuse(self) -> None:
        error = TooManyConnections(
            f"{self.max_connections} connections are open, the most allowed; try again shortly"
        )
        self.app_state["metrics"].observe_error(error.type)
        headers = {"retry-after": str(error.retry_after), "connection": "close"}
        reply = JSONResponse(error_body(error.type, str(error)), error.status, headers)
        head = b"".join(name + b": " + value + b"\r\n" for name, value in reply.raw_headers)
        self.transport.write(STATUS_LINE[error.status] + head + b"\r\n" + reply.body)
        self.transport.close()

    def _wait_for_head(self) -> None:
        if self.head is None:
            self.head = self.loop.call_later(self.head_seconds, self.transport.close)

    def _wait_no_more(self) -> None:
        if self.head is not None:
            self.head.cancel()
            self.head = None
