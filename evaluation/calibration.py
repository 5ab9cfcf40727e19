"""The expected calibration error: how far scores are from the share of right answers."""

from collections.abc import Sequence

import numpy as np

BINS = 10


def expected_calibration_error(scores: Sequence[float], right: Sequence[bool]) -> float:
    """Return the mean distance of score and accuracy, 0 to 1, over ``BINS`` bins of equal width.

    By Guo et al. 2017, "On Calibration of Modern Neural Networks": each bin's mean score is
    compared with its share of right answers, weighted by its size. Raises ValueError when there are
    no scores, or not one for each answer.
    """
    if not scores or len(scores) != len(right):
        raise ValueError(f"{len(scores)} scores for {len(right)} answers")
    values, hits = np.asarray(scores, dtype=np.float64), np.asarray(right, dtype=np.float64)
    bins = np.minimum((values * BINS).astype(int), BINS - 1)  # 1.0 belongs to the last
    distances = np.bincount(bins, weights=values - hits, minlength=BINS)
    return float(np.abs(distances).sum() / len(values))
