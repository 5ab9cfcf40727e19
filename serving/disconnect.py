"""ASGI middleware that ends the work on a request whose client has gone."""

import asyncio

from starlette.types import ASGIApp, Message, Receive, Scope, Send


class Disconnect:
    """Cancel the application when the client disconnects before it has replied.

    What the application awaits is cancelled with it: a call to Triton, which then drops the
    request from its queue. ``BodyLimit`` must be around it, so that the body is one message.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the application, and watch whether the client leaves."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        body = [await receive()]
        leaving = asyncio.ensure_future(receive())  # after the body, only a disconnect can come

        async def receive_body() -> Message:
            return body.pop() if body else await asyncio.shield(leaving)

        answering = asyncio.ensure_future(self.app(scope, receive_body, send))
        try:
            await asyncio.wait((answering, leaving), return_when=asyncio.FIRST_COMPLETED)
        finally:
            leaving.cancel()
            if not answering.done():
                answering.cancel()
        await asyncio.wait((answering,))
        if not answering.cancelled():
            answering.result()  # raises what the application did
