"""The stages of answering, as the header Server-Timing of a reply names them."""

import re
from collections import defaultdict
from collections.abc import Iterable
from statistics import fmean

STAGE = re.compile(r"([\w-]+)\s*;\s*dur=([\d.]+)")


def mean_stages(timings: Iterable[str]) -> dict[str, float]:
    """Return the mean of each stage in ms, over the replies that name it."""
    found = defaultdict(list)
    for timing in timings:
        for name, duration in STAGE.findall(timing):
            found[name].append(float(duration))
    return {name: fmean(durations) for name, durations in found.items()}
