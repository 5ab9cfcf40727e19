"""How many windows may be in flight, and when to come again for what finds no room.

Counted in windows, which are what takes time, and checked before tokenization, so that refused
requests waste none. What a request adds is therefore an estimate first, and known later.

What bounds the latency is time. Requests take turns at the model, a few windows each
(``serving/parts.py``), so a request does not wait for all that is ahead of it: of each other
request, it waits for as many windows as it has itself, or for those that are with Triton already.
By Little's law that takes this many windows divided by the measured rate of answered ones.
"""

import asyncio
import math
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from serving.errors import Overloaded

SHARE = 0.25  # of the allowed wait, that what one request has with Triton may take
LEAST_SHARE = 2  # parts: one is computed while the next one waits
UNMEASURED_SHARE = 8  # parts, while the rate is not known
MEASURED_SECONDS = 10.0  # how far back the drain rate looks, idle times left out
MAX_RETRY_SECONDS = 60


@dataclass(eq=False)
class Ticket:
    """The windows that one request has in flight."""

    windows: int
    changed: Callable[[int], None]  # told how many of them are answered
    slots: asyncio.Semaphore  # of its parts that may be with Triton at once
    known: int = 0  # of them, that are no estimate
    sent: int = 0  # of these, that are with Triton

    def correct(self, estimate: int, windows: int) -> None:
        """Put ``windows``, now that they are known, in the place of what was estimated."""
        self.windows += windows - estimate
        self.known += windows
        self.changed(0)

    @contextmanager
    def computing(self, windows: int) -> Iterator[None]:
        """Count ``windows``, which are known, as sent in the block, and as answered after it."""
        self.sent += windows
        try:
            yield
        finally:
            self.sent -= windows
        self.windows -= windows
        self.known -= windows
        self.changed(windows)


class Admission:
    """A bound on the windows in flight and on the wait for them; used on the event loop only.

    ``observe`` is told how many are in flight whenever that changes.
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
        self._idle_seconds = clock()  # all before now: busy time begins at 0
        self._drained: deque[tuple[float, int]] = deque()  # when, in busy time; how many windows
        self._drained_windows = 0  # all of them

    @property
    def in_flight(self) -> int:
        """The windows admitted and not yet answered."""
        return sum(ticket.windows for ticket in self._tickets)

    @contextmanager
    def admit(self, windows: int) -> Iterator[Ticket]:
        """Hold room for ``windows`` while the block runs; raises Overloaded when there is none.

        A request that is alone is let in whatever its size.
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
                f"{self.in_flight} windows are in flight, and with the {windows} or so of this "
                f"request more than the {self.max_windows} allowed; try again shortly",
                retry_after=self.retry_after(windows),
            )
        ahead = self._ahead(windows)
        if rate is not None and ahead / rate > self.max_seconds:
            raise Overloaded(
                f"{ahead} windows are ahead of this request, which take about "
                f"{ahead / rate:.2g} s, more than the {self.max_seconds:g} s allowed; "
                "try again shortly",
                retry_after=self.retry_after(windows),
            )

    def _ahead(self, windows: int) -> int:
        """Return how many windows of others are computed before a request of ``windows`` ends.

        Estimates do not count: what may yet be refused for its size must not have others refused.
        """
        return sum(min(each.known, max(windows, each.sent)) for each in self._tickets)

    def _share(self) -> int:
        """Return how many parts of a new request may be with Triton at once, so that others fit."""
        rate = self._rate()
        if rate is None:
            return UNMEASURED_SHARE
        return max(LEAST_SHARE, int(SHARE * self.max_seconds * rate))

    def _rate(self) -> float | None:
        """Return the windows drained per busy second lately; None before the first."""
        now = self._busy_time()
        while len(self._drained) > 1 and self._drained[0][0] < now - MEASURED_SECONDS:
            self._drained_windows -= self._drained.popleft()[1]
        if not self._drained or not now:
            return None
        return self._drained_windows / min(now, MEASURED_SECONDS)

    def _busy_time(self) -> float:
        """Return the seconds of the clock's in which known windows were in flight."""
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
