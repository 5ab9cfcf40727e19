"""Whether the gateway is ready for questions."""

import asyncio
import math
import time
from dataclasses import dataclass

from serving.answerer import Answerer
from serving.errors import ServingError, Unavailable
from serving.shutdown import Shutdown


@dataclass(frozen=True)
class Readiness:
    """What readiness depends on."""

    answerer: Answerer
    shutdown: Shutdown

    async def check(self) -> None:
        """Return if the gateway is ready; raises Unavailable within ``ready_seconds`` if not.

        It is ready if a question was answered within the last ``ready_seconds``, or a probe is
        answered now. Before the first answer it is not, so that a rollout with a wrong address
        stops. With ``ready_in_outage`` that first answer is enough: without Triton no gateway can
        answer, and if all left their Service, clients would not even get an error from them.
        """
        settings, answered_at = self.answerer.settings, self.answerer.triton.answered_at
        if self.shutdown.has_begun:
            raise Unavailable("not ready: the gateway is stopping; ask another")
        if settings.is_ready_in_outage and answered_at > -math.inf:
            return
        if time.monotonic() - answered_at < settings.ready_seconds:
            return
        try:
            async with asyncio.timeout(settings.ready_seconds):
                await self.answerer.probe(self.answerer.triton)
        except ServingError as error:
            raise Unavailable(f"not ready: {error}") from error
        except TimeoutError as error:
            raise Unavailable(
                f"not ready: Triton did not answer within {settings.ready_seconds:g} s"
            ) from error
