"""How many windows may be in flight, and when to come again for what finds no room.

Counted in windows, which are what takes time, and before tokenization, whose own time is spent
in vain on a request that is refused after it. So what a request adds is an estimate first, and
the truth once it is known.
"""

import math
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from serving.errors import Overloaded

MEASURED_SECONDS = 10.0  # how far back the drain rate looks
MAX_RETRY_SECONDS = 60


@dataclass(eq=False)
class Ticket:
    """The windows that one request has in flight."""

    windows: int

    def correct(self, by: int) -> None:
        """Add ``by`` windows, less than 0 where the estimate was too high."""
        self.windows += by


class Admission:
    """A bound on the windows in flight; used on the event loop only."""

    def __init__(self, max_windows: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.max_windows = max_windows
        self._clock = clock
        self._tickets: set[Ticket] = set()
        self._busy_since = clock()
        self._drained: deque[tuple[float, int]] = deque()  # when, how many windows

    @property
    def in_flight(self) -> int:
        """The windows admitted and not yet answered."""
        return sum(ticket.windows for ticket in self._tickets)

    @contextmanager
    def admit(self, windows: int) -> Iterator[Ticket]:
        """Hold room for ``windows`` while the block runs; raises Overloaded when there is none.

        A request that is alone is let in whatever its size.
        """
        if not self._tickets:
            self._busy_since = self._clock()
            self._drained.clear()
        elif self.in_flight + windows > self.max_windows:
            raise Overloaded(
                f"{self.in_flight} windows are in flight, and with the {windows} or so of this "
                f"request more than the {self.max_windows} allowed; try again shortly",
                retry_after=self.retry_after(windows),
            )
        ticket = Ticket(windows)
        self._tickets.add(ticket)
        try:
            yield ticket
        finally:
            self._tickets.remove(ticket)
            self._drained.append((self._clock(), ticket.windows))
            self._forget()

    def retry_after(self, windows: int) -> int:
        """Return the whole seconds after which ``windows`` may find room, 1 to 60.

        At the rate at which windows were drained lately, idle times left out.
        """
        self._forget()
        drained = sum(count for _, count in self._drained)
        if not drained:
            return 1
        needed = max(windows, self.in_flight + windows - self.max_windows)
        seconds = needed * (self._clock() - self._since) / drained
        return min(max(1, math.ceil(seconds)), MAX_RETRY_SECONDS)

    @property
    def _since(self) -> float:
        return max(self._busy_since, self._clock() - MEASURED_SECONDS)

    def _forget(self) -> None:
        while self._drained and self._drained[0][0] < self._since:
            self._drained.popleft()
