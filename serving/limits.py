"""ASGI middleware that refuses a body that is too large, too slow, or compressed."""

import asyncio

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving.errors import SlowBody, TooLarge, UnsupportedMediaType, refuse

DISCARDED = 16  # a body that is too large is read up to so many times max_bytes


class BodyLimit:
    """Read the whole body before the application sees the request; refuse a larger one."""

    def __init__(self, app: ASGIApp, max_bytes: int, seconds: float) -> None:
        self.app = app
        self.max_bytes = max_bytes
        self.seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on with its body, or answer 408, 413 or 415."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        try:
            async with asyncio.timeout(self.seconds):
                body = await self._read(receive)
        except TimeoutError:
            slow = SlowBody(f"the body did not come within {self.seconds:g} s")
            await refuse(scope, slow)(scope, receive, send)
            return
        if body is None:
            error = TooLarge(f"the body has more than {self.max_bytes} bytes, the most allowed")
            await refuse(scope, error)(scope, receive, send)
            return
        if body and (encoding := _encoding(scope)):
            compressed = UnsupportedMediaType(
                f"content-encoding is {encoding!r}; send the body as it is, without an encoding"
            )
            reply = refuse(scope, compressed)
            reply.headers["accept-encoding"] = "identity"  # as RFC 9110 has it
            await reply(scope, receive, send)
            return
        replay: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

        async def receive_body() -> Message:
            return replay.pop() if replay else await receive()

        await self.app(scope, receive_body, send)

    async def _read(self, receive: Receive) -> bytes | None:
        """Return the body, or None when it is too large.

        A body that is too large is read to its end, within bounds, and thrown away: a client that
        is still sending when the connection closes would never see the reply.
        """
        chunks: list[bytes] = []
        size, more = 0, True
        while more and size <= DISCARDED * self.max_bytes:
            message = await receive()
            chunk = message.get("body", b"")  # a disconnect has none and ends the body
            more = message.get("more_body", False)
            size += len(chunk)
            if size <= self.max_bytes:
                chunks.append(chunk)
        return b"".join(chunks) if size <= self.max_bytes else None


def _encoding(scope: Scope) -> str:
    """Return how the body is encoded; "" if it is not."""
    given = ", ".join(Headers(scope=scope).getlist("content-encoding"))
    is_plain = {each.strip().lower() for each in given.split(",")} <= {"", "identity"}
    return "" if is_plain else given
