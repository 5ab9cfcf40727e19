"""Watches the embedded Triton by real inferences, and starts it again when it has died.

Triton does not start a dead Python stub again, and still says that it is ready; only an inference
shows the truth. A user's successful inference counts as a probe. If none has succeeded within the
time that a request has, Triton hangs, and counts as dead too.
"""

import asyncio
import logging
import time
from collections.abc import Iterator
from itertools import chain, repeat

from embedded.errors import EmbeddedError
from embedded.server import EmbeddedTriton
from serving.answerer import Answerer
from serving.errors import DeadlineExceeded, ServingError, Unavailable

logger = logging.getLogger(__name__)

CHECK_SECONDS = 0.5
PROBE_SECONDS = 5.0  # Triton takes more than a second to see that a stub has died
BACK_OFF_SECONDS = (0.0, 1.0, 2.0, 4.0)  # before each start; the last one is repeated
CONNECT_SECONDS = 5.0
STEADY_SECONDS = 60.0  # after so long without a failure, the pauses begin anew


async def supervise(triton: EmbeddedTriton, answerer: Answerer) -> None:
    """Check and restart ``triton`` until cancelled."""
    pauses, up_since = _pauses(), time.monotonic()
    while True:
        await asyncio.sleep(CHECK_SECONDS)
        if await _answers(triton, answerer, up_since):
            continue
        if time.monotonic() - up_since > STEADY_SECONDS:
            pauses = _pauses()
        await _restart(triton, answerer, pauses)
        up_since = time.monotonic()


def _pauses() -> Iterator[float]:
    return chain(BACK_OFF_SECONDS, repeat(BACK_OFF_SECONDS[-1]))


async def _answers(triton: EmbeddedTriton, answerer: Answerer, up_since: float) -> bool:
    if triton.has_ended:
        return False
    if time.monotonic() - answerer.triton.answered_at < CHECK_SECONDS:
        return True
    try:
        await answerer.probe(answerer.triton, PROBE_SECONDS)
    except Unavailable:
        return False
    except DeadlineExceeded:  # busy with what may still end in time, or hanging
        silent_since = max(answerer.triton.answered_at, up_since)
        return time.monotonic() - silent_since < answerer.settings.request_seconds
    except ServingError as error:
        logger.debug("Triton is busy: %s", error)  # no room in its queue
    return True


async def _restart(triton: EmbeddedTriton, answerer: Answerer, pauses: Iterator[float]) -> None:
    for pause in pauses:
        logger.error("Triton has died; starting it again in %g s", pause)
        await asyncio.to_thread(triton.kill)
        await asyncio.sleep(pause)
        answerer.metrics.triton_restarts.inc()
        triton.start_again()
        try:
            await asyncio.to_thread(triton.wait_until_ready, answerer.settings.triton_start_seconds)
        except EmbeddedError as error:
            logger.error("%s", error)
            continue
        except asyncio.CancelledError:
            triton.kill()  # or the thread would wait for it, and the gateway for the thread
            raise
        if await _comes_to_answer(triton, answerer):
            logger.info("Triton answers again")
            return


async def _comes_to_answer(triton: EmbeddedTriton, answerer: Answerer) -> bool:
    """Whether it answers within a few seconds; first the connection has to come back."""
    started = time.monotonic()
    while time.monotonic() < started + CONNECT_SECONDS:
        if await _answers(triton, answerer, started):
            return True
        await asyncio.sleep(0.1)
    return False
