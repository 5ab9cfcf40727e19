"""How figures are written, on the terminal and on the page."""

from loadtest.result import Accuracy
from loadtest.samples import Latency
from pages.table import Cell


def three_figures(value: float) -> str:
    """Return ``value`` with three significant figures or more."""
    return f"{value:#.3g}" if value < 100 else f"{value:,.1f}" if value < 1000 else f"{value:,.0f}"


def level_of(kind: str, level: float) -> str:
    """Return in words a batch size, or a level of a "closed" or "open" loop."""
    if kind == "batch":
        return f"batch {level:g}"
    if kind == "open":
        return f"{level:g} arrivals/s"
    return "1 user" if level == 1 else f"{level:g} users"


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
