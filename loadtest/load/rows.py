"""The row of a level in the result, from its samples."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from statistics import fmean
from typing import NamedTuple

import numpy as np

from loadtest.load.keeper import RIGHT, WRONG, Loop, Sample
from loadtest.load.questions import Question
from loadtest.result import LoadRow

STAGE = re.compile(r"([\w-]+)\s*;\s*dur=([\d.]+)")  # in the header Server-Timing of a reply


class Level(NamedTuple):
    """How much load: users of a closed loop, or arrivals per second of an open one."""

    loop: Loop
    amount: float

    def __str__(self) -> str:
        unit = "users" if self.loop == "closed" else "questions/s"
        return f"{self.loop} loop, {self.amount:g} {unit}"


def of_phase(samples: Iterable[Sample], loop: Loop, phase: int) -> list[Sample]:
    """Return the samples that count for a phase.

    In a closed loop, these are the questions that were answered in it. In an open loop, they are
    those that were due in it, whenever the reply came: without the late ones, a server that leaves
    more questions unanswered would look faster.
    """
    if loop == "closed":
        return [each for each in samples if each.done == phase]
    return [each for each in samples if each.sent == phase]


def make_row(
    samples: Sequence[Sample],
    questions: Sequence[Question],
    level: Level,
    *,
    system: str,
    route: str,
    number: int,
    seconds: float,
    settled: bool,
    padding_ratio: float | None = None,
    mean_batch: float | None = None,
) -> LoadRow:
    """Return the row of a level from the samples that count for it."""
    right = [each for each in samples if each.outcome == RIGHT]
    outcomes = Counter(each.outcome for each in samples)
    delays = [each.delay for each in samples] or [0.0]
    return LoadRow(
        system=system,
        route=route,
        loop=level.loop,
        level=level.amount,
        round=number,
        seconds=seconds,
        settled=settled,
        latencies=tuple(round(each.ms, 3) for each in right),
        context_characters=tuple(len(questions[each.question].context) for each in right),
        failures={name: n for name, n in outcomes.items() if name not in (RIGHT, WRONG)},
        wrong=outcomes[WRONG],
        stages=mean_stages(each.timing for each in right),
        send_delay=float(np.percentile(delays, 99, method="inverted_cdf")),
        padding_ratio=padding_ratio,
        mean_batch=mean_batch,
    )


def mean_stages(timings: Iterable[str]) -> dict[str, float]:
    """Return the mean of each stage in ms, over the replies that name it."""
    found = defaultdict(list)
    for timing in timings:
        for name, duration in STAGE.findall(timing):
            found[name].append(float(duration))
    return {name: fmean(durations) for name, durations in found.items()}
