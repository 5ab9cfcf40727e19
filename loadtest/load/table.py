"""Levels of load as two tables: how long answers took and what failed, and where the time went."""

from collections.abc import Iterable, Iterator, Sequence

from rich.table import Table

from loadtest.result import LoadRow
from loadtest.samples import summarize

NOTE = """\
Latency in ms, of right answers; in an open loop from the intended send time. ~: not yet steady.
Stages in ms, mean. Late: 99 % of the questions were sent at most so many ms after their time."""


def describe(row: LoadRow) -> str:
    """Return what matters most of ``row``, for a line."""
    p99 = f", p99 {summarize(row.latencies).p99:.1f} ms" if row.latencies else ""
    failed = sum(row.failures.values())
    return f"{row.throughput:.1f} answers/s{p99}{f', {failed} failed' if failed else ''}"


def latency_table(rows: Iterable[LoadRow]) -> Table:
    """Return throughput, latency and failures of ``rows``, in their order."""
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
    """Return where the time of ``rows`` went, in their order."""
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


def _load(row: LoadRow) -> str:
    return f"{row.level:g} users" if row.loop == "closed" else f"{row.level:.3g}/s"


def _latencies(row: LoadRow) -> Iterator[str]:
    if not row.latencies:
        yield from ("-",) * 5
        return
    latency = summarize(row.latencies)
    for each in (latency.p50, latency.p90, latency.p95, latency.p99, latency.max):
        yield f"{each:.1f}" if each < 1000 else f"{each:.0f}"
