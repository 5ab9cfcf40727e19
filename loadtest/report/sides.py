"""The two sides of ``loadtest compare``: rounds of result files."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import mean

from loadtest.errors import LoadTestError
from loadtest.report.comparison import Comparison, Round, compare
from loadtest.report.figures import level_of
from loadtest.result import BatchRow, Result, read_result


@dataclass(frozen=True, order=True)
class Condition:
    """How a row was measured; rows of the same condition are compared."""

    kind: str  # "batch", "closed" or "open"
    level: float  # windows; users; arrivals per second
    more: str  # what else must be the same

    def __str__(self) -> str:
        """Return the condition as tables write it."""
        return ", ".join(filter(None, (level_of(self.kind, self.level), self.more)))


@dataclass(frozen=True)
class Side:
    """The results of one side, and their rounds by name (variant or system) and condition."""

    results: tuple[Result, ...]
    rounds: Mapping[tuple[str, Condition], tuple[Round, ...]]

    @property
    def names(self) -> tuple[str, ...]:
        """The variants and systems, without duplicates."""
        return tuple(dict.fromkeys(name for name, _ in self.rounds))


def read_side(text: str) -> Side:
    """Read a side: ``FILE`` or ``FILE:NAME``, or several of them separated by commas.

    Raises LoadTestError when a file cannot be read, or has nothing of that name.
    """
    return side_of([_read(part) for part in text.split(",")])


def side_of(parts: Iterable[tuple[Result, str | None]]) -> Side:
    """Return the side made of these results, each with one name, or with all for None.

    Raises LoadTestError when a result has nothing of that name.
    """
    parts = sorted(parts, key=lambda each: each[0].environment.started)
    rounds: dict[tuple[str, Condition], list[Round]] = {}
    for result, name in parts:
        found = [each for each in _rounds(result) if name in (None, each[0])]
        if not found:
            known = ", ".join(sorted({each for each, _, _ in _rounds(result)}))
            raise LoadTestError(
                f"the run {result.name} has no {name or 'rows'}; known are: {known or 'none'}"
            )
        for found_name, condition, each in found:
            rounds.setdefault((found_name, condition), []).append(each)
    return Side(
        tuple(result for result, _ in parts),
        {key: tuple(each) for key, each in rounds.items()},
    )


def matched(a: Side, b: Side) -> dict[str, Comparison]:
    """Compare what both sides measured under the same conditions.

    Where each side has one name, the two are compared; otherwise names are matched. Raises
    LoadTestError when the sides have nothing in common.
    """
    named = len(a.names) > 1 or len(b.names) > 1
    compared = {}
    rounds_b = {_key(key, named): rounds for key, rounds in b.rounds.items()}
    for key, rounds in sorted(a.rounds.items(), key=lambda each: each[0]):
        name, condition = _key(key, named)
        if others := rounds_b.get((name, condition)):
            paired = interleaved(a, b) and len(rounds) == len(others)
            label = ": ".join(filter(None, (name, str(condition))))
            compared[label] = compare(rounds, others, paired)
    if not compared:
        raise LoadTestError(f"nothing was measured on both sides: {_held(a)} and {_held(b)}")
    return compared


def interleaved(a: Side, b: Side) -> bool:
    """Whether A and B took turns: in the rounds of the same runs, or run after run."""
    if a.results == b.results:
        return True
    if len(a.results) != len(b.results) or len(a.results) < 2:
        return False
    starts = [
        sorted(result.environment.started for result in pair)
        for pair in zip(a.results, b.results, strict=True)
    ]
    return all(before[1] < after[0] for before, after in pairwise(starts))


def doubts(a: Side, b: Side) -> Iterator[str]:
    """Yield what a reader of the comparison must know."""
    if not interleaved(a, b):
        yield ("A and B did not take turns: the difference may be due to other work of the machine")
    for what, values in {
        "devices": [each.environment.device.name for each in (*a.results, *b.results)],
        "checkpoints": [each.checkpoint for each in (*a.results, *b.results)],
    }.items():
        if len(set(values)) > 1:
            yield f"the {what} differ: {', '.join(dict.fromkeys(values))}"
    for result in dict.fromkeys(each.name for each in (*a.results, *b.results) if each.partial):
        yield f"{result} is partial: the run ended early"


def _read(text: str) -> tuple[Result, str | None]:
    if Path(text).exists() or ":" not in text:
        return read_result(Path(text)), None
    file, _, name = text.rpartition(":")
    return read_result(Path(file)), name


def _rounds(result: Result) -> Iterator[tuple[str, Condition, Round]]:
    """Yield each round of a result, in order, with its name and condition."""
    for row in result.batches:
        more = f"{row.input}, {row.sequence_length} tokens"
        clients = f"{row.clients} clients" if row.clients > 1 else ""
        condition = Condition("batch", row.batch, ", ".join(filter(None, (more, clients))))
        for latencies in filter(None, row.rounds):
            yield row.variant, condition, Round(latencies, _throughput(row, latencies))
    for load in sorted(result.loads, key=lambda each: each.round):
        if load.latencies:
            condition = Condition(load.loop, load.level, "")
            yield load.system, condition, Round(load.latencies, load.throughput)


def _throughput(row: BatchRow, latencies: tuple[float, ...]) -> float:
    """Return a round's windows per second: in a closed loop, inverse to its latency."""
    return row.throughput * mean(row.samples) / mean(latencies)


def _key(key: tuple[str, Condition], named: bool) -> tuple[str, Condition]:
    return key if named else ("", key[1])


def _held(side: Side) -> str:
    conditions = "; ".join(dict.fromkeys(str(condition) for _, condition in side.rounds))
    return f"{', '.join(side.names)} ({conditions})"
