"""A client that has closed its side of a connection: it waits for its reply, or it is gone.

Both look the same: the stream ends. Only data tells them apart: the system of a client that is gone
answers it with a reset. So the first bytes, which are the same in every reply, are sent ahead one
by one. For a client that waits, they are the beginning of its reply.
"""

from asyncio import AbstractEventLoop, TimerHandle, Transport
from collections.abc import Iterator

BEGINNING = b"HTTP/1.1 "
#: Seconds before each of those bytes. Most replies come before the first. A reset caused by one
#: byte is seen when the next is written.
PAUSES = (0.2, 0.05, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0)


class HalfClosed:
    """The transport of a reply; it sends the reply's beginning ahead until the reply comes."""

    def __init__(self, transport: Transport, loop: AbstractEventLoop) -> None:
        self.transport = transport
        self.loop = loop
        self.sent = 0
        self.pauses: Iterator[float] = iter(PAUSES)
        self.timer: TimerHandle | None = None
        self._wait()

    def write(self, data: bytes) -> None:
        """Write the reply, without the bytes that were sent ahead."""
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None
        self.transport.write(data[self.sent :])
        self.sent = 0

    def is_closing(self) -> bool:
        """Whether the connection is closing or closed."""
        return self.transport.is_closing()

    def close(self) -> None:
        """Close the connection when all is written."""
        self.transport.close()

    def _wait(self) -> None:
        pause = next(self.pauses, None)
        self.timer = None if pause is None else self.loop.call_later(pause, self._send_ahead)

    def _send_ahead(self) -> None:
        if self.transport.is_closing():
            return
        self.transport.write(BEGINNING[self.sent : self.sent + 1])
        self.sent += 1
        self._wait()
