"""The order of the windows: shuffled into batches of similar length."""

import numpy as np
from numpy.typing import NDArray

BATCHES_SORTED = 64  # batches whose windows are sorted by length together


def epoch_batches(
    lengths: NDArray[np.int64], batch_size: int, seed: int, epoch: int
) -> list[NDArray[np.int64]]:
    """Return the indices of the windows of each batch of ``epoch``.

    Every batch is full; each epoch leaves out other windows. The order depends on the arguments
    alone, so a resumed training needs to know only its step.
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
