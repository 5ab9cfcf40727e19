"""How long to go on asking a gateway that is busy."""

import asyncio
import time

import httpx

from evaluation.errors import EvaluationError
from qa.retry_after import retry_seconds

RETRY_SECONDS = 1.0  # where a reply does not say when to come again


class Patience:
    """Waits, as the gateway asks, until it has answered no question for ``seconds``.

    One clock for all questions: a gateway that answers some of them is busy and gets more time,
    and one that answers none is given up by all that wait.
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
                f"given up: the gateway is too busy, has answered nothing for {waited:.0f} s and "
                f"asks to come again in {seconds:g} s, which is more than the patience of "
                f"{self.seconds:g} s"
            )
        await asyncio.sleep(seconds)


def retry_after(response: httpx.Response) -> float | None:
    """Return in how many seconds to ask again, or None where the reply is final.

    Too many requests (429) always asks for that, an unavailable server (503) by the header
    ``retry-after``.
    """
    header = response.headers.get("retry-after")
    if response.status_code != 429 and (response.status_code != 503 or header is None):
        return None
    return retry_seconds(header, RETRY_SECONDS)
