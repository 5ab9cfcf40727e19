"""The null threshold: how much the empty answer must be ahead of the best span to be given."""

from collections.abc import Sequence

import numpy as np


def best_threshold(
    differences: Sequence[float], if_answered: Sequence[float], if_empty: Sequence[float]
) -> float:
    """Return the threshold with the highest total score, the lowest of several.

    The arguments have for each question its ``qa.spans.null_difference``, its score if the best
    span is given, and its score if the empty answer is given, which happens above the threshold.
    The threshold lies halfway between the differences of two questions, clear of both.
    """
    order = np.argsort(differences)
    ordered = np.asarray(differences, dtype=np.float64)[order]
    gains = (np.asarray(if_answered, dtype=np.float64) - np.asarray(if_empty))[order]
    totals = np.append(0.0, np.cumsum(gains))  # when the first 0, 1, ... questions get their span
    totals[1:-1][ordered[:-1] == ordered[1:]] = -np.inf  # no threshold is between equal ones
    answered = int(np.argmax(totals))
    edges = np.concatenate(([ordered[0] - 1], ordered, [ordered[-1] + 1]))
    return float((edges[answered] + edges[answered + 1]) / 2)
