"""The plot of each change's F1, over the band within which the seeds lie."""

from pathlib import Path
from statistics import mean, stdev

import matplotlib as mpl

from pages.drawing import MUTED, SERIES, STYLE, png, row_axes, write_legend
from training.gains import Gains


def draw_gains(found: Gains, path: Path) -> None:
    """Write a PNG: F1 on the held-out articles, a row for the seeds and one for each change."""
    names = [f"the recipe, {len(found.seeds)} seeds", *(each.name for each in found.changed)]
    middle, deviation = mean(found.f1s), stdev(found.f1s)
    with mpl.rc_context(STYLE):
        figure, axes = row_axes(dict(enumerate(names)))
        band = (middle - 2 * deviation, middle + 2 * deviation)
        axes.axvspan(*band, color=MUTED, alpha=0.15, label="seeds, mean ± 2 deviations")
        axes.scatter(found.f1s, [0] * len(found.f1s), color=MUTED, marker="|", s=120, lw=1)
        axes.scatter([each.f1 for each in found.changed], range(1, len(names)), color=SERIES[0])
        axes.set_xlabel("F1 on held-out articles, %")
        write_legend(figure)
        path.write_bytes(png(figure))
