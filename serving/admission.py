"""Limits the windows in flight and the wait for them, and says when to try again.

Windows are counted because they take the time. A request is checked before tokenization, so that
a refused one wastes none. Its windows are therefore an estimate at first, and known later.

Requests take turns at the model, a few windows each (``serving/parts.py``). So a new request does
not wait for all windows ahead of it: of each other request, it waits for as many as it has itself,
or for those that are with Triton already, if these are more. By Little's law, that takes as many
seconds as there are such windows, divided by the rate at which windows were answered lately.
"""

import asyncio
import math
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from serving.errors import Overloaded

SHARE = 0.25  # of the allowed wait, which one request's parts that are with Triton may take
LEAST_SHARE = 2  # parts: one is computed while the next one waits
UNMEASURED_SHARE = 8  # parts, while the rate is not known
MEASURED_SECONDS = 10.0  # over which the rate is taken; idle times do not count
MAX_RETRY_SECONDS = 60


@dataclass(eq=False)
class Ticket:
    """The windows that one request has in flight."""

    windows: int
    changed: Callable[[int], None]  # is told how many of them were answered just now
    slots: asyncio.Semaphore  # one for each part that may be with Triton at once
    known: int = 0  # of the windows: all but those that are estimated
    sent: int = 0  # of the known windows: those that are with Triton

    def correct(self, estimate: int, windows: int) -> None:
        """Put the known number of ``windows`` in place of their ``estimate``."""
        self.windows += windows - estimate
        self.known += windows
        self.changed(0)

    @contextmanager
    def computing(self, windows: int) -> Iterator[None]:
        """Count ``windows``, which are known, as sent during the block, and as answered after."""
        self.sent += windows
        try:
            yield
        finally:
            self.sent -= windows
        self.windows -= windows
        self.known -= windows
        self.changed(windows)


class Admission:
    """A limit on the windows in flight and on the wait for them; used on the event loop only.

    ``observe`` is told how many windows are in flight, whenever that changes.
    """

    def __init__(
        self,
        max_windows: int,
        max_seconds: float,
        *,
        clock: Callable[[], float] = time.monotonic,
        observe: Callable[[float], None] = lambda _: None,
    ) -> None:
        self.max_windows = max_windows
        self.max_seconds = max_seconds
        self._clock = clock
        self._observe = observe
        self._tickets: set[Ticket] = set()
        self._busy = False
        self._idle_since = clock()
        self._idle_seconds = clock()  # all time before now, so that busy time begins at 0
        self._drained: deque[tuple[float, int]] = deque()  # busy time, and the windows answered
        self._drained_windows = 0  # the sum of these

    @property
    def in_flight(self) -> int:
        """The windows admitted and not yet answered."""
        return sum(ticket.windows for ticket in self._tickets)

    @contextmanager
    def admit(self, windows: int) -> Iterator[Ticket]:
        """Hold room for ``windows`` while the block runs; raises Overloaded when there is none.

        A request that is alone is admitted, whatever its size.
        """
        if self._tickets:
            self._check(windows)
        ticket = Ticket(windows, self._changed, asyncio.Semaphore(self._share()))
        self._tickets.add(ticket)
        self._changed(0)
        try:
            yield ticket
        finally:
            self._tickets.remove(ticket)
            self._changed(0)

    def retry_after(self, windows: int) -> int:
        """Return the whole seconds after which ``windows`` may find room, 1 to 60."""
        rate = self._rate()
        if rate is None:
            return 1
        needed = max(windows, self.in_flight + windows - self.max_windows)
        seconds = max(needed / rate, self._ahead(windows) / rate - self.max_seconds)
        return min(max(1, math.ceil(seconds)), MAX_RETRY_SECONDS)

    def _check(self, windows: int) -> None:
        rate = self._rate()
        if self.in_flight + windows > self.max_windows:
            raise Overloaded(
                f"{self.in_flight} windows are in flight, and with about {windows} of this request "
                f"there would be more than the {self.max_windows} allowed; try again shortly",
                retry_after=self.retry_after(windows),
            )
        ahead = self._ahead(windows)
        if rate is not None and ahead / rate > self.max_seconds:
            raise Overloaded(
                f"{ahead} windows are ahead of this request; they take about {ahead / rate:.2g} s, "
                f"more than the {self.max_seconds:g} s allowed; try again shortly",
                retry_after=self.retry_after(windows),
            )

    def _ahead(self, windows: int) -> int:
        """Return how many windows of others are computed before a request of ``windows`` ends.

        Only known windows count: a request that may yet be refused for its size must not have
        others refused.
        """
        return sum(min(each.known, max(windows, each.sent)) for each in self._tickets)

    def _share(self) -> int:
        """Return how many parts of a new request may be with Triton at once."""
        rate = self._rate()
        if rate is None:
            return UNMEASURED_SHARE
        return max(LEAST_SHARE, int(SHARE * self.max_seconds * rate))

    def _rate(self) -> float | None:
        """Return the windows answered per busy second lately; None before the first."""
        now = self._busy_time()
        while len(self._drained) > 1 and self._drained[0][0] < now - MEASURED_SECONDS:
            self._drained_windows -= self._drained.popleft()[1]
        if not self._drained or not now:
            return None
        return self._drained_windows / min(now, MEASURED_SECONDS)

    def _busy_time(self) -> float:
        """Return for how many seconds, in all, known windows were in flight."""
        idle = 0.0 if self._busy else self._clock() - self._idle_since
        return self._clock() - self._idle_seconds - idle

    def _changed(self, drained: int) -> None:
        if drained:
            self._drained.append((self._busy_time(), drained))
            self._drained_windows += drained
        busy = any(ticket.known for ticket in self._tickets)
        if busy and not self._busy:
            self._idle_seconds += self._clock() - self._idle_since
        elif self._busy and not busy:
            self._idle_since = self._clock()
        self._busy = busy
        self._observe(self.in_flight)
