"""What is known of one request while it is answered: its id, its size, the time of its stages."""

import re
import time
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from starlette.types import Scope

#: What answering is made of, in this order; see docs/answering.md for what each one holds.
STAGES = ("tokenize", "queue", "infer", "decode")

SANE_ID = re.compile(r"[\w.:/+=@~-]{1,128}", re.ASCII)


@dataclass
class Trace:
    """One request's; filled in on the way."""

    id: str
    started: float = field(default_factory=time.perf_counter)
    stages: dict[str, float] = field(default_factory=dict)  # seconds
    windows: int = 0
    tokens: int = 0  # of questions and contexts
    unknown: int = 0  # of these, those that the vocabulary does not have
    refused: str | None = None  # the type of the error that was the reply

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Add the time that the block takes to the stage ``name``."""
        started = time.perf_counter()
        try:
            yield
        finally:
            self.add(name, time.perf_counter() - started)

    def add(self, name: str, seconds: float) -> None:
        """Add ``seconds`` to the stage ``name``."""
        self.stages[name] = self.stages.get(name, 0.0) + seconds

    def gather(self, parts: Iterable["Trace"]) -> None:
        """Take over the parts of a request, which overlap: the longest of each stage."""
        for part in parts:
            self.windows += part.windows
            self.tokens += part.tokens
            self.unknown += part.unknown
            for name, seconds in part.stages.items():
                self.stages[name] = max(seconds, self.stages.get(name, 0.0))

    @property
    def total(self) -> float:
        """The seconds since the request came."""
        return time.perf_counter() - self.started

    def server_timing(self) -> str:
        """Return the value of a Server-Timing header, in milliseconds."""
        timings = [(name, self.stages[name]) for name in STAGES if name in self.stages]
        return ", ".join(
            f"{name};dur={1e3 * each:.2f}" for name, each in [*timings, ("total", self.total)]
        )


def request_id(given: str | None) -> str:
    """Return the client's id where it is one that a log can hold, or else a new one."""
    return given if given and SANE_ID.fullmatch(given) else uuid.uuid4().hex


def trace_of(scope: Scope) -> Trace:
    """Return the trace of a request, which the outermost middleware began."""
    trace = scope["state"]["trace"]
    assert isinstance(trace, Trace)  # noqa: S101 - set for every request, and only there
    return trace
