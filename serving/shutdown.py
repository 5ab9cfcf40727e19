"""What SIGTERM does first: the gateway is no longer ready, but goes on answering for a while.

A load balancer needs a moment to notice, and sends requests until then. After that uvicorn stops
listening and finishes what is in flight. The embedded Triton is stopped last.
"""

import asyncio
import logging
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

logger = logging.getLogger(__name__)


class Shutdown:
    """Whether SIGTERM has come; listening ends ``seconds`` after it."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.has_begun = False

    @contextmanager
    def on_sigterm(self) -> Iterator[None]:
        """While the block runs, put the wait before what SIGTERM does otherwise.

        A second SIGTERM ends the wait. Ctrl-C does not wait: no load balancer is in front of a
        terminal.
        """
        if threading.current_thread() is not threading.main_thread():
            yield  # only the main thread gets signals
            return
        loop = asyncio.get_running_loop()
        stop = signal.getsignal(signal.SIGTERM)
        assert callable(stop)  # noqa: S101 - uvicorn's, by now

        def begin(number: int, frame: FrameType | None) -> None:
            if self.has_begun or not self.seconds:
                stop(number, frame)
                return
            self.has_begun = True
            loop.call_soon_threadsafe(wait)  # a handler may run in the middle of anything

        def wait() -> None:
            logger.info("stopping: no longer ready, still listening for %g s", self.seconds)
            loop.call_later(self.seconds, stop, signal.SIGTERM, None)

        signal.signal(signal.SIGTERM, begin)
        try:
            yield
        finally:
            signal.signal(signal.SIGTERM, stop)


class LastReplies:
    """ASGI middleware that closes each connection after its reply once the gateway is stopping.

    A client that kept it open could send a request just when it is closed, and lose that request.
    """

    def __init__(self, app: ASGIApp, shutdown: Shutdown) -> None:
        self.app = app
        self.shutdown = shutdown

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""

        async def send_last(message: Message) -> None:
            if message["type"] == "http.response.start" and self.shutdown.has_begun:
                MutableHeaders(scope=message)["connection"] = "close"
            await send(message)

        await self.app(scope, receive, send_last)
