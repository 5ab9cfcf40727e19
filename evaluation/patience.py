"""How long to keep asking a busy gateway."""

import asyncio
import time

import httpx

from evaluation.errors import EvaluationError
from qa.retry_after import retry_seconds

RETRY_SECONDS = 1.0  # where a reply does not say when to ask again


class Patience:
    """Waits as long as the gateway asks, unless it has answered no question for ``seconds``.

    All questions share one clock: a gateway that answers some of them is busy and gets more time;
    one that answers none is given up on for all of them.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.last_answer = time.monotonic()

    def answered(self) -> None:
        """Note that a question was answered."""
        self.last_answer = time.monotonic()

    async def wait(self, seconds: float) -> None:
        """Wait for ``seconds``; raises EvaluationError at once where that would be too long."""
        waited = time.monotonic() - self.last_answer
        if waited + seconds > self.seconds:
            raise EvaluationError(
                f"given up: the gateway is too busy; it has answered nothing for {waited:.0f} s "
                f"and asks for {seconds:g} s more, which exceeds the patience of {self.seconds:g} s"
            )
        await asyncio.sleep(seconds)


def retry_after(response: httpx.Response) -> float | None:
    """Return after how many seconds to ask again, or None where the reply is final.

    Status 429, too many requests, always asks for a retry; 503 only with a ``retry-after`` header.
    """
    header = response.headers.get("retry-after")
    if response.status_code != 429 and (response.status_code != 503 or header is None):
        return None
    return retry_seconds(header, RETRY_SECONDS)
