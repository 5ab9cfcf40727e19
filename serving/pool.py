"""The Tritons that serve the same models: the least busy answers, a failed one is skipped."""

import asyncio
import logging
import math
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from embedded.inference import Logits
from qa.proxies import goes_by_proxy
from qa.windows import Rows
from serving.errors import ServingError, Unavailable
from serving.names import Place, parse_place, resolve
from serving.triton import ModelInfo, Triton

logger = logging.getLogger(__name__)

WATCH_SECONDS = 1.0  # between two resolutions of a name, or two probes of a Triton that is out
SILENT_SECONDS = 2.0  # a Triton that has work, and answers nothing for so long, is out
DRAIN_SECONDS = 3600.0  # for the calls of one that has left; their own deadlines come before

Ask = Callable[[Triton], Awaitable[object]]
Resolve = Callable[[Place], Awaitable[set[Place]]]
Result = TypeVar("Result")


@dataclass(eq=False)
class Endpoint:
    """One Triton and its load. It is out until it has answered for the first time."""

    triton: Triton
    out: bool = True
    is_new: bool = True
    rows: int = 0  # in flight
    turn: int = 0  # its last call, numbered among all calls of the pool
    heard_at: float = field(default_factory=time.monotonic)  # last answer, or end of idleness

    @property
    def is_silent(self) -> bool:
        """Whether it has had work for a while, but has answered nothing: it may hang."""
        return self.rows > 0 and time.monotonic() - self.heard_at > SILENT_SECONDS


class Pool:
    """All Tritons of a gateway; used on the event loop only.

    A URL's host may be a name. It is resolved every second, and each of its addresses is an
    endpoint. A new endpoint gets no work before it has answered a probe, unless there is no other.
    One whose address has vanished gets no more work; its connection is closed when it is idle.
    """

    def __init__(self, urls: Sequence[str], resolve: Resolve = resolve) -> None:
        self.answered_at = -math.inf  # time.monotonic() of the last inference that succeeded
        self._resolve = resolve
        self._places: dict[Place, dict[Place, Endpoint]] = {parse_place(url): {} for url in urls}
        self._draining: set[asyncio.Task[None]] = set()
        self._calls = 0
        # a proxy resolves names itself; here they may have no address
        fixed = {each for each in self._places if each.is_address or goes_by_proxy(each.host)}
        self._followed = [each for each in self._places if each not in fixed]
        for place in fixed:
            self._update(place, {place})

    @property
    def endpoints(self) -> list[Endpoint]:
        """All Tritons known now, also those that are out."""
        return [each for found in self._places.values() for each in found.values()]

    async def close(self) -> None:
        """Close all connections."""
        for task in self._draining:
            task.cancel()
        for endpoint in self.endpoints:
            await endpoint.triton.close()

    def knows(self, model: str) -> bool:
        """Whether ``info`` knows ``model`` without asking Triton."""
        return any(endpoint.triton.knows(model) for endpoint in self.endpoints)

    async def models(self, timeout: float) -> set[str]:
        """Return the names of the models that are ready."""
        return await self._first(lambda triton: triton.models(timeout))

    async def info(self, model: str, timeout: float) -> ModelInfo:
        """Return what Triton says about ``model``, asked once."""
        return await self._first(lambda triton: triton.info(model, timeout))

    async def mean_batch(self, model: str, timeout: float) -> float | None:
        """Return the mean windows of an execution on one Triton; None before the first."""
        return await self._first(lambda triton: triton.mean_batch(model, timeout))

    def ahead(self) -> int:
        """Return how many rows the Triton that answers next has in flight; 0 if there is none."""
        return self._least_busy(self.endpoints).rows if self.endpoints else 0

    async def infer(self, model: str, rows: Rows, timeout: float) -> Logits:
        """Run ``model`` on ``rows`` within ``timeout`` seconds.

        When that Triton is unavailable, another is tried once: an inference changes nothing, so it
        may be sent twice. Raises as ``Triton.infer`` does.
        """
        end = time.monotonic() + timeout
        endpoint = self._least_busy(self.endpoints)
        try:
            return await self._infer(endpoint, model, rows, timeout)
        except Unavailable:
            others = [each for each in self.endpoints if each is not endpoint]
            left = end - time.monotonic()
            if not others or left <= 0:
                raise
            return await self._infer(self._least_busy(others), model, rows, left)

    async def watch(self, ask: Ask) -> None:
        """Follow names, and probe the Tritons that are out with ``ask``, until cancelled."""
        async with asyncio.TaskGroup() as group:
            for place in self._followed:
                group.create_task(self._follow(place))
            group.create_task(self._probe(ask))

    async def _follow(self, place: Place) -> None:
        """Keep one endpoint for each address of ``place``; if it has none, the known ones stay.

        A name has no address while all replicas are down, or DNS fails. Then the known addresses
        may be the first to come back.
        """
        said = ""
        while True:
            try:
                self._update(place, await self._resolve(place))
                said = ""
            except OSError as error:
                if said != str(error):  # once, not every second
                    logger.warning("%s cannot be resolved: %s", place.host, error)
                said = str(error)
            await asyncio.sleep(WATCH_SECONDS)

    def _update(self, place: Place, found: set[Place]) -> None:
        known = self._places[place]
        for address in found - set(known):
            known[address] = Endpoint(Triton(str(address), name=str(place)))
        for address in set(known) - found:
            logger.info("Triton at %s has left %s", address, place.host)
            closing = known.pop(address).triton.close(DRAIN_SECONDS)
            task = asyncio.get_running_loop().create_task(closing)
            self._draining.add(task)
            task.add_done_callback(self._draining.discard)

    async def _probe(self, ask: Ask) -> None:
        while True:
            silent = [endpoint for endpoint in self.endpoints if endpoint.is_silent]
            for endpoint in silent if len(self.endpoints) > 1 else []:
                self._mark(endpoint, out=True)
            out = [endpoint for endpoint in self.endpoints if endpoint.out]
            await asyncio.gather(*(self._try(endpoint, ask) for endpoint in out))
            await asyncio.sleep(WATCH_SECONDS)

    async def _try(self, endpoint: Endpoint, ask: Ask) -> None:
        try:
            await ask(endpoint.triton)
        except ServingError as error:
            logger.debug("Triton at %s is still out: %s", endpoint.triton.url, error)
        else:
            self._mark(endpoint, out=False)

    async def _infer(self, endpoint: Endpoint, model: str, rows: Rows, timeout: float) -> Logits:
        self._calls += 1
        endpoint.turn = self._calls
        if not endpoint.rows:
            endpoint.heard_at = time.monotonic()
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
        if not out:
            endpoint.heard_at = self.answered_at = time.monotonic()
        if endpoint.out == out:
            return
        now = "out" if out else "in" if endpoint.is_new else "in again"
        level = logging.INFO if endpoint.is_new else logging.WARNING
        logger.log(level, "Triton at %s is %s", endpoint.triton.url, now)
        endpoint.out, endpoint.is_new = out, False

    def _least_busy(self, endpoints: Sequence[Endpoint]) -> Endpoint:
        """Return the one with the fewest rows of those that are in, or of all if all are out.

        Among equals it is the one whose last call is the longest ago, so that they share the work
        of a single client too. Raises Unavailable when there is none at all.
        """
        usable = [each for each in endpoints if not each.out] or endpoints
        if not usable:
            raise self._nobody()
        return min(usable, key=lambda each: (each.rows, each.turn))

    async def _first(self, ask: Callable[[Triton], Awaitable[Result]]) -> Result:
        """Return what the first available Triton says."""
        failure: Unavailable | None = None
        for endpoint in sorted(self.endpoints, key=lambda each: each.out):
            try:
                return await ask(endpoint.triton)
            except Unavailable as error:
                logger.debug("Triton at %s: %s", endpoint.triton.url, error)
                failure = error
        raise failure or self._nobody()

    def _nobody(self) -> Unavailable:
        hosts = ", ".join(place.host for place in self._places)
        return Unavailable(f"no Triton is found at {hosts}; try again shortly")
