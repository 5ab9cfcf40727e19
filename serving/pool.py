"""One Triton or several of the same models: the least busy answers, a failing one is left out."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from qa.windows import Rows
from serving.errors import ServingError, Unavailable
from serving.triton import Logits, ModelInfo, Triton

logger = logging.getLogger(__name__)

PROBE_SECONDS = 1.0  # between two probes of one that is out

Result = TypeVar("Result")


@dataclass(eq=False)
class Endpoint:
    """One Triton, and what it has to do."""

    triton: Triton
    rows: int = 0  # in flight
    out: bool = False


class Pool:
    """All Tritons of a gateway; used on the event loop only."""

    def __init__(self, urls: Sequence[str]) -> None:
        self.endpoints = [Endpoint(Triton(url)) for url in urls]

    async def close(self) -> None:
        """Close all connections."""
        for endpoint in self.endpoints:
            await endpoint.triton.close()

    @property
    def answered_at(self) -> float:
        """``time.monotonic()`` of the last inference that succeeded."""
        return max(endpoint.triton.answered_at for endpoint in self.endpoints)

    def knows(self, model: str) -> bool:
        """Whether ``info`` has been told of ``model``."""
        return any(endpoint.triton.knows(model) for endpoint in self.endpoints)

    async def models(self, timeout: float) -> set[str]:
        """Return the names of the models that are ready."""
        return await self._first(lambda triton: triton.models(timeout))

    async def info(self, model: str, timeout: float) -> ModelInfo:
        """Return what Triton says of ``model``, asked once."""
        return await self._first(lambda triton: triton.info(model, timeout))

    async def mean_batch(self, model: str, timeout: float) -> float | None:
        """Return the mean windows of the executions of one Triton; None before the first."""
        return await self._first(lambda triton: triton.mean_batch(model, timeout))

    async def infer(self, model: str, rows: Rows, timeout: float) -> Logits:
        """Run ``model`` on ``rows``, at most ``timeout`` seconds long.

        When that Triton is unavailable, another has one try: an inference changes nothing, so
        that it may be asked for twice. Raises as ``Triton.infer`` does.
        """
        end = time.monotonic() + timeout
        endpoint = self._least_busy()
        try:
            return await self._infer(endpoint, model, rows, timeout)
        except Unavailable:
            left = end - time.monotonic()
            if len(self.endpoints) == 1 or left <= 0:
                raise
            return await self._infer(self._least_busy(but=endpoint), model, rows, left)

    async def watch(self, ask: Callable[[Triton], Awaitable[object]]) -> None:
        """Try ``ask`` on those that are out now and then, until cancelled; then they are in."""
        while True:
            await asyncio.sleep(PROBE_SECONDS)
            for endpoint in self.endpoints:
                if endpoint.out:
                    try:
                        await ask(endpoint.triton)
                    except ServingError as error:
                        logger.debug("Triton at %s is still out: %s", endpoint.triton.url, error)
                    else:
                        self._mark(endpoint, out=False)

    async def _infer(self, endpoint: Endpoint, model: str, rows: Rows, timeout: float) -> Logits:
        endpoint.rows += len(rows)
        try:
            logits = await endpoint.triton.infer(model, rows, timeout)
        except Unavailable:
            self._mark(endpoint, out=True)
            raise
        finally:
            endpoint.rows -= len(rows)
        self._mark(endpoint, out=False)
        return logits

    def _mark(self, endpoint: Endpoint, *, out: bool) -> None:
        if endpoint.out != out and len(self.endpoints) > 1:
            logger.warning("Triton at %s is %s", endpoint.triton.url, "out" if out else "in again")
        endpoint.out = out

    def _least_busy(self, but: Endpoint | None = None) -> Endpoint:
        """Return the one with the fewest rows of those that are in; if none is, of all."""
        others = [endpoint for endpoint in self.endpoints if endpoint is not but]
        usable = [endpoint for endpoint in others if not endpoint.out] or others
        return min(usable, key=lambda endpoint: endpoint.rows)

    async def _first(self, ask: Callable[[Triton], Awaitable[Result]]) -> Result:
        """Return what the first that is available says."""
        *others, last = sorted(self.endpoints, key=lambda endpoint: endpoint.out)
        for endpoint in others:
            try:
                return await ask(endpoint.triton)
            except Unavailable as error:
                logger.debug("Triton at %s: %s", endpoint.triton.url, error)
        return await ask(last.triton)
