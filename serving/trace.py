"""What is known about a request while it is answered: its id, its size, its stages' times."""

import asyncio
import re
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeVar, TypeVarTuple

from starlette.types import Scope

Result = TypeVar("Result")
Arguments = TypeVarTuple("Arguments")

#: The stages of answering, in order; docs/answering.md explains each.
STAGES = ("tokenize", "queue", "infer", "decode")

SANE_ID = re.compile(r"[\w.:/+=@~-]{1,128}", re.ASCII)


@dataclass
class Trace:
    """The trace of one request, filled in while it is answered."""

    id: str
    started: float = field(default_factory=time.perf_counter)
    stages: dict[str, float] = field(default_factory=dict)  # seconds
    windows: int = 0
    tokens: int = 0  # of questions and contexts
    unknown: int = 0  # of these tokens, those that the vocabulary does not have
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

    async def run(
        self,
        stage: str,
        function: Callable[[*Arguments], Result],
        *args: *Arguments,
        is_short: bool,
    ) -> Result:
        """Run ``function`` as ``stage`` in a thread, so that the event loop goes on meanwhile.

        One that ``is_short`` runs at once: a thread would take longer. The wait for a thread
        counts as the stage "queue".
        """
        asked = time.perf_counter()

        def run() -> Result:
            self.add("queue", 0 if is_short else time.perf_counter() - asked)
            with self.stage(stage):
                return function(*args)

        return run() if is_short else await asyncio.to_thread(run)

    def gather(self, parts: Iterable["Trace"]) -> None:
        """Add the ``parts`` of a request; they overlap, so the longest of each stage counts."""
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
    """Return the client's id if it is safe to log, or else a new one."""
    return given if given and SANE_ID.fullmatch(given) else uuid.uuid4().hex


def trace_of(scope: Scope) -> Trace:
    """Return the trace of a request, which the outermost middleware began."""
    trace = scope["state"]["trace"]
    assert isinstance(trace, Trace)  # noqa: S101 - set for every request, and only there
    return trace
