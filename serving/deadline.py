"""The time by which a request must have its answer."""

import time
from dataclasses import dataclass

from serving.errors import DeadlineExceeded


@dataclass(frozen=True)
class Deadline:
    """A time of ``time.monotonic``, and the seconds that were given until then."""

    at: float
    seconds: float

    @classmethod
    def after(cls, seconds: float, spent: float = 0.0) -> "Deadline":
        """Return the deadline ``seconds`` from now, or from ``spent`` seconds ago."""
        return cls(time.monotonic() + seconds - spent, seconds)

    def left(self) -> float:
        """Return the seconds that are left, more than 0; raises DeadlineExceeded at the end."""
        left = self.at - time.monotonic()
        if left <= 0:
            raise DeadlineExceeded(f"no answer within {self.seconds:g} s")
        return left
