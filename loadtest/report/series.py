"""The lines of a report's plots, from the rows of its results."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import fmean
from typing import Any, Generic, TypeVar

from loadtest.result import BatchRow, LoadRow, Result
from loadtest.samples import Latency, summarize
from pages.drawing import SERIES

_DEVICE = -3  # its position in the key of a line
_MARKERS = "osD^vPX*"
_DASHES = ("-", "--", ":", "-.")


@dataclass(frozen=True)
class Level:
    """All rounds of one system at one level."""

    rows: tuple[LoadRow, ...]

    @property
    def level(self) -> float:
        """Users, or arrivals per second."""
        return self.rows[0].level

    @cached_property
    def latencies(self) -> tuple[float, ...]:
        """The latencies of all rounds, ms."""
        return tuple(each for row in self.rows for each in row.latencies)

    @property
    def latency(self) -> Latency:
        """Mean and percentiles. Raises ValueError when no answer was right."""
        return summarize(self.latencies)

    @property
    def throughput(self) -> float:
        """Right answers per second."""
        return len(self.latencies) / sum(row.seconds for row in self.rows)

    @property
    def failures(self) -> Mapping[str, int]:
        """Failures by kind."""
        total: dict[str, int] = defaultdict(int)
        for row in self.rows:
            for kind, number in row.failures.items():
                total[kind] += number
        return total

    @property
    def stages(self) -> Mapping[str, float]:
        """Mean ms by stage, over the rounds."""
        stages = dict.fromkeys(stage for row in self.rows for stage in row.stages)
        return {stage: fmean(row.stages.get(stage, 0.0) for row in self.rows) for stage in stages}

    @property
    def padding_ratio(self) -> float | None:
        """Padding over all tokens, the mean of the rounds."""
        return _mean(row.padding_ratio for row in self.rows)

    @property
    def mean_batch(self) -> float | None:
        """Windows per execution, the mean of the rounds."""
        return _mean(row.mean_batch for row in self.rows)


Row = TypeVar("Row", BatchRow, Level)


@dataclass(frozen=True)
class Series(Generic[Row]):
    """One line of the plots: a variant or system on a device, and how it looks."""

    label: str
    kind: str  # "batch", "closed" or "open"
    result: Result
    rows: tuple[Row, ...]  # by batch or level, ascending
    colour: str
    marker: str
    dashes: str

    @property
    def look(self) -> dict[str, Any]:
        """How matplotlib draws the line; the marks of an open loop are hollow."""
        fill = "none" if self.kind == "open" else self.colour
        return {"marker": self.marker, "ls": self.dashes, "color": self.colour, "mfc": fill}


def batch_series(results: Sequence[Result]) -> list[Series[BatchRow]]:
    """Return the lines of all batch latency tables."""
    found: dict[tuple[str, ...], list[BatchRow]] = defaultdict(list)
    of: dict[tuple[str, ...], Result] = {}
    for result in results:
        for row in (row for row in result.batches if row.samples):
            length, clients = f"{row.sequence_length} tokens", f"{row.clients} clients"
            key = (row.variant, row.input, length, clients, *_where(result))
            found[key].append(row)
            of[key] = result
    looks = _looks(results, found)
    return [
        Series(label, "batch", of[key], tuple(sorted(found[key], key=_batch)), *looks[key])
        for key, label in _labels(found).items()
    ]


def level_series(results: Sequence[Result]) -> list[Series[Level]]:
    """Return the lines of all loads, with levels at which no answer was right."""
    found: dict[tuple[str, ...], dict[float, list[LoadRow]]] = defaultdict(dict)
    of: dict[tuple[str, ...], Result] = {}
    for result in results:
        for row in result.loads:
            key = (row.system, row.loop, row.route, *_where(result))
            found[key].setdefault(row.level, []).append(row)
            of[key] = result
    looks = _looks(results, found)
    return [
        Series(
            label,
            key[1],
            of[key],
            tuple(Level(tuple(found[key][level])) for level in sorted(found[key])),
            *looks[key],
        )
        for key, label in _labels(found).items()
    ]


def subject(name: str) -> str:
    """Return ``name`` without "gateway", so that a variant has one colour in all plots."""
    return name.removeprefix("gateway ")


def _where(result: Result) -> tuple[str, str, str]:
    """Return what distinguishes rows of the same name if nothing else does."""
    environment = result.environment
    return environment.device.name, result.name, environment.started


def _labels(keys: Iterable[tuple[str, ...]]) -> dict[tuple[str, ...], str]:
    """Return the shortest labels: the name, and what else it takes to make them different.

    Where there are several devices, each label has its device.
    """
    labels = {key: key[0] for key in keys}
    several_devices = len({key[_DEVICE] for key in labels}) > 1
    for column in range(1, max(map(len, labels), default=1)):
        values = defaultdict(set)
        for key, label in labels.items():
            values[label].add(key[column])
        for key, label in labels.items():
            is_device = column == len(key) + _DEVICE
            if len(values[label]) > 1 or (is_device and several_devices):
                labels[key] = f"{label}, {key[column]}"
    return labels


def _looks(
    results: Sequence[Result], keys: Iterable[tuple[str, ...]]
) -> dict[tuple[str, ...], tuple[str, str, str]]:
    """Return colour, marker and dashes, which a name has in every plot of the report."""
    places = {name: place for place, name in enumerate(dict.fromkeys(_names(results)))}
    looks: dict[tuple[str, ...], tuple[str, str, str]] = {}
    seen = dict.fromkeys(places, 0)
    for key in keys:
        name = subject(key[0])
        place, nth = places[name], seen[name]
        looks[key] = (
            SERIES[place % len(SERIES)],
            _MARKERS[place % len(_MARKERS)],
            _DASHES[nth % len(_DASHES)],
        )
        seen[name] += 1
    return looks


def _names(results: Sequence[Result]) -> Iterator[str]:
    for result in results:
        yield from (row.variant for row in result.batches)
        yield from (subject(row.system) for row in result.loads)


def _batch(row: BatchRow) -> int:
    return row.batch


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return fmean(known) if known else None
