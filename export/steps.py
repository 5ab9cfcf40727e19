"""What the exporter prints: its steps as they go, and the table at the end."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.table import Table

from export.report import Report, VariantReport


@contextmanager
def step(console: Console, name: str) -> Iterator[None]:
    """Show ``name`` with a spinner on a terminal; then print it with the seconds it took."""
    started = time.monotonic()
    with console.status(f"{name} ..."):
        yield
    console.print(f"{name:<32}{time.monotonic() - started:6.1f} s", highlight=False)


def report_table(report: Report) -> Table:
    """Return the variants of ``report`` with what was measured of them."""
    table = Table("model", title=f"{report.checkpoint}, {report.sequence_length} tokens")
    for column in ("size", "attention fused", "logit difference", "equal answers", "sha256"):
        table.add_column(column, justify="right")
    for name, row in report.variants.items():
        table.add_row(name, *_cells(row, report.config["num_hidden_layers"]))
    return table


def _cells(row: VariantReport, layers: int) -> list[str]:
    fused = row.fused_attention_nodes
    return [
        f"{row.size_bytes / 1e6:.1f} MB",
        "-" if fused is None else f"{fused}/{layers}",
        f"{row.parity.largest_logit_difference:.1e}",
        f"{row.parity.equal_answers}/{row.parity.answers}",
        row.sha256[:12],
    ]
