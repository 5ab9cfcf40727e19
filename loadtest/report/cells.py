"""What the tables of a report are made of."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from loadtest.report.wording import three_figures
from loadtest.result import Accuracy
from loadtest.samples import Latency


class Cell(NamedTuple):
    """One figure; "" where there is none."""

    text: str
    note: str = ""  # a line below it


@dataclass(frozen=True)
class Table:
    """Figures by row and column head; the first column names the row."""

    title: str
    legend: str
    rows: tuple[Mapping[str, Cell], ...]

    @property
    def heads(self) -> tuple[str, ...]:
        """The columns in which any row has something."""
        heads = dict.fromkeys(head for row in self.rows for head in row)
        return tuple(head for head in heads if any(any(row[head]) for row in self.rows))


def percentiles(latency: Latency | None) -> dict[str, Cell]:
    """Return the cells of mean and percentiles, ms."""
    heads = ("mean", "p50", "p90", "p95", "p99", "max")
    return {head: Cell(three_figures(getattr(latency, head)) if latency else "") for head in heads}


def accuracies(accuracy: Accuracy | None) -> dict[str, Cell]:
    """Return the cells of EM and F1."""
    return {
        "EM": Cell(f"{accuracy.exact_match:.2f}" if accuracy else ""),
        "F1": Cell(f"{accuracy.f1:.2f}" if accuracy else ""),
    }
