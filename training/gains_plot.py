"""The plot of what each change does, over the band of what seeds do."""

from pathlib import Path
from statistics import mean, stdev

import matplotlib as mpl
from matplotlib.figure import Figure

from loadtest.report.drawing import MUTED, SERIES, STYLE
from training.gains import Gains


def draw_gains(found: Gains, path: Path) -> None:
    """Write a PNG: F1 on the held-out articles, a row for the seeds and one for each change."""
    names = [f"the recipe, {len(found.seeds)} seeds", *(each.name for each in found.changed)]
    middle, deviation = mean(found.f1s), stdev(found.f1s)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(6.4, 0.8 + 0.38 * len(names)), layout="constrained")
        axes = figure.add_subplot()
        band = (middle - 2 * deviation, middle + 2 * deviation)
        axes.axvspan(*band, color=MUTED, alpha=0.15, label="seeds, mean ± 2 deviations")
        axes.scatter(found.f1s, [0] * len(found.f1s), color=MUTED, marker="|", s=120)
        rows = range(1, len(names))
        axes.scatter([each.f1 for each in found.changed], rows, color=SERIES[0])
        axes.set_yticks(range(len(names)), names)
        axes.invert_yaxis()
        axes.set_xlabel("F1 on held-out articles, %")
        axes.legend(loc="best", frameon=False)
        figure.savefig(path, dpi=150)
