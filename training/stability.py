"""How much the scores depend on the seed: their mean and standard deviation over runs."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import mean, stdev

from rich.table import Table

from training.result import Result

FILE_NAME = "stability.json"


@dataclass(frozen=True)
class Spread:
    """One metric over the seeds, in percent."""

    data: str
    metric: str  # EM or F1
    values: tuple[float, ...]  # by seed
    mean: float
    deviation: float | None  # of a sample: divided by n - 1; None for one seed


def spreads(results: Sequence[Result]) -> list[Spread]:
    """Return EM and F1 of every data set that the ``results`` have scores for."""
    found = []
    for data in results[0].scores:
        scores = [result.scores[data] for result in results]
        for metric, values in (
            ("EM", tuple(each.exact_match for each in scores)),
            ("F1", tuple(each.f1 for each in scores)),
        ):
            deviation = stdev(values) if len(values) > 1 else None
            found.append(Spread(data, metric, values, mean(values), deviation))
    return found


def stability_table(results: Sequence[Result]) -> Table:
    """Return a row for each metric, a column for each seed."""
    seeds = [f"seed {result.recipe.seed}" for result in results]
    table = Table("data", "metric", *seeds, "mean", "deviation")
    for each in spreads(results):
        deviation = "" if each.deviation is None else f"{each.deviation:.2f}"
        values = [f"{value:.2f}" for value in each.values]
        table.add_row(each.data, each.metric, *values, f"{each.mean:.2f}", deviation)
    return table


def write_stability(folder: Path, results: Sequence[Result]) -> None:
    """Write ``stability.json``, if there is more than one seed."""
    if len(results) > 1:
        content = {
            "seeds": [result.recipe.seed for result in results],
            "spreads": [asdict(each) for each in spreads(results)],
        }
        (folder / FILE_NAME).write_text(json.dumps(content, indent=2) + "\n")
