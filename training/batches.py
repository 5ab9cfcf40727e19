"""The order of the windows: shuffled, in batches of like length, by seed and epoch alone."""

import numpy as np
from numpy.typing import NDArray

BATCHES_SORTED = 64  # batches whose windows are sorted by length among themselves


def epoch_batches(
    lengths: NDArray[np.int64], batch_size: int, seed: int, epoch: int
) -> list[NDArray[np.int64]]:
    """Return the numbers of the windows of each batch of ``epoch``.

    Every batch is full; which windows are left over changes from one epoch to the next. Since
    nothing but the arguments says what the order is, a training that is resumed needs only to
    know its step.
    """
    generator = np.random.default_rng([seed, epoch])
    order = generator.permutation(len(lengths))
    batches: list[NDArray[np.int64]] = []
    for first in range(0, len(order), BATCHES_SORTED * batch_size):
        some = order[first : first + BATCHES_SORTED * batch_size]
        some = some[np.argsort(lengths[some], kind="stable")]
        full = len(some) - len(some) % batch_size
        batches += np.split(some[:full], full // batch_size) if full else []
    return [batches[number] for number in generator.permutation(len(batches))]
