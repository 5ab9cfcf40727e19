"""Levels of load as tables: latency and failures, where the time went, and systems side by side."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from statistics import median

from rich.table import Table

from loadtest.result import Accuracy, LoadRow
from loadtest.samples import summarize

NOTE = """\
Latency: ms of right answers; in an open loop from the intended send time. ~: not yet steady.
Stages: mean ms. Late: 99 % of the questions were sent no more than so many ms after that time."""
VERSUS_NOTE = "answers/s: median of the rounds, lowest and highest; p50 and p99: of all samples, ms"


def describe(row: LoadRow) -> str:
    """Return the most important figures of ``row``, in a line."""
    p99 = f", p99 {summarize(row.latencies).p99:.1f} ms" if row.latencies else ""
    failed = sum(row.failures.values())
    return f"{row.throughput:.1f} answers/s{p99}{f', {failed} failed' if failed else ''}"


def latency_table(rows: Iterable[LoadRow]) -> Table:
    """Return throughput, latency and failures, a line for each of ``rows``."""
    table = Table("load", "answers/s", "p50", "p90", "p95", "p99", "max", "failed", "wrong")
    for row in rows:
        failed = ", ".join(f"{count} x {kind}" for kind, count in sorted(row.failures.items()))
        steady = "" if row.settled else " ~"
        table.add_row(
            f"{_load(row)}{steady}",
            f"{row.throughput:.1f}",
            *_latencies(row),
            failed or "0",
            str(row.wrong),
        )
    return table


def stage_table(rows: Sequence[LoadRow]) -> Table:
    """Return where the time went, a line for each of ``rows``."""
    stages = list(dict.fromkeys(stage for row in rows for stage in row.stages))
    table = Table("load", *stages, "late", "padding", "batch")
    for row in rows:
        table.add_row(
            _load(row),
            *(f"{row.stages[each]:.1f}" if each in row.stages else "" for each in stages),
            f"{row.send_delay:.1f}",
            "" if row.padding_ratio is None else f"{100 * row.padding_ratio:.0f} %",
            "" if row.mean_batch is None else f"{row.mean_batch:.1f}",
        )
    return table


def versus_table(rows: Sequence[LoadRow], accuracies: Mapping[str, Accuracy]) -> Table:
    """Return a row for each system at each level."""
    table = Table(
        *("system", "users", "answers/s", "", "p50", "p99", "EM", "F1", "failed", "wrong"),
        caption=VERSUS_NOTE,
    )
    for system, level in dict.fromkeys((row.system, row.level) for row in rows):
        found = [row for row in rows if (row.system, row.level) == (system, level)]
        accuracy = accuracies.get(system)
        table.add_row(
            system,
            f"{level:g}",
            *_throughput([row.throughput for row in found]),
            *_percentiles([ms for row in found for ms in row.latencies]),
            f"{accuracy.exact_match:.2f}" if accuracy else "",
            f"{accuracy.f1:.2f}" if accuracy else "",
            str(sum(sum(row.failures.values()) for row in found)),
            str(sum(row.wrong for row in found)),
        )
    return table


def _load(row: LoadRow) -> str:
    return f"{row.level:g} users" if row.loop == "closed" else f"{row.level:.3g}/s"


def _latencies(row: LoadRow) -> Iterator[str]:
    if not row.latencies:
        yield from ("-",) * 5
        return
    latency = summarize(row.latencies)
    for each in (latency.p50, latency.p90, latency.p95, latency.p99, latency.max):
        yield f"{each:.1f}" if each < 1000 else f"{each:.0f}"


def _throughput(rates: Sequence[float]) -> tuple[str, str]:
    spread = f"{min(rates):.1f} to {max(rates):.1f}" if len(rates) > 1 else ""
    return f"{median(rates):.1f}", spread


def _percentiles(samples: Sequence[float]) -> tuple[str, str]:
    if not samples:
        return "-", "-"
    latency = summarize(samples)
    return f"{latency.p50:.0f}", f"{latency.p99:.0f}"
