"""The gateway and the baselines as a table: a row for a system at a number of users."""

from collections.abc import Mapping, Sequence
from statistics import median

from rich.table import Table

from loadtest.result import Accuracy, LoadRow
from loadtest.samples import summarize

CAPTION = (
    "answers/s: median of the rounds, and their lowest and highest; p50 and p99 of all samples, ms"
)


def versus_table(rows: Sequence[LoadRow], accuracies: Mapping[str, Accuracy]) -> Table:
    """Return a row for each system at each level."""
    table = Table(
        *("system", "users", "answers/s", "", "p50", "p99", "EM", "F1", "failed", "wrong"),
        caption=CAPTION,
    )
    for system, level in dict.fromkeys((row.system, row.level) for row in rows):
        found = [row for row in rows if (row.system, row.level) == (system, level)]
        accuracy = accuracies.get(system)
        table.add_row(
            system,
            f"{level:g}",
            *_throughput([row.throughput for row in found]),
            *_latency([ms for row in found for ms in row.latencies]),
            f"{accuracy.exact_match:.2f}" if accuracy else "",
            f"{accuracy.f1:.2f}" if accuracy else "",
            str(sum(sum(row.failures.values()) for row in found)),
            str(sum(row.wrong for row in found)),
        )
    return table


def _throughput(rates: Sequence[float]) -> tuple[str, str]:
    spread = f"{min(rates):.1f} to {max(rates):.1f}" if len(rates) > 1 else ""
    return f"{median(rates):.1f}", spread


def _latency(samples: Sequence[float]) -> tuple[str, str]:
    if not samples:
        return "-", "-"
    latency = summarize(samples)
    return f"{latency.p50:.0f}", f"{latency.p99:.0f}"
