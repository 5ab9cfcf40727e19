"""Lanes: a model loaded to compute several sub-batches at the same time, one thread for each.

Threads that share one inference wait for each other after every operator, and longer still when
the gateway or Triton needs a core. Threads that have a sub-batch each do not wait.
"""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Batch = TypeVar("Batch")

Inputs = Mapping[str, NDArray[np.int32]]  # of the tensor contract: [rows, length] each
Logits = NDArray[np.float32]  # [rows, length]
Model = Callable[[Inputs], tuple[Logits, Logits]]  # start and end logits

#: The share of an inference that more threads speed up, in Amdahl's law: two threads computed a
#: window 1.66 times as fast as one (onnx_int8 on an AMD EPYC, Zen 3).
PARALLEL_SHARE = 0.8

#: The tokens of a row for which attention, quadratic in them, takes as many operations as all that
#: is linear in them: 6 times the hidden size, which is 384 in the bundled model. Only the balance
#: of long and short rows depends on it.
TOKENS_OF_EVEN_ATTENTION = 2304


class Lanes:
    """Models that may be called at the same time, each of which computes with one thread."""

    def __init__(self, models: Sequence[Model]) -> None:
        self._models = models
        self._pool = ThreadPoolExecutor(len(models), "lane")

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self._models)

    def lone(self, shapes: Sequence[tuple[int, int]]) -> int:
        """Return how many sub-batches one model should compute with all threads, before lanes.

        ``shapes`` are the rows and tokens of each sub-batch, the longest first. The lanes share
        what is left. The number is the one that takes the least time in all, by Amdahl's law: a
        single sub-batch gets all threads, and so does the first of three equal ones on two lanes;
        when there are many, none does.
        """
        costs = [rows * tokens * (1 + tokens / TOKENS_OF_EVEN_ATTENTION) for rows, tokens in shapes]
        share = 1 - PARALLEL_SHARE + PARALLEL_SHARE / self.count

        def seconds(lone: int) -> float:
            return share * sum(costs[:lone]) + _longest_lane(costs[lone:], self.count)

        # fewer than there are lanes, or all: one for each lane is done sooner in the lanes
        candidates: set[int] = {*range(min(self.count, len(costs))), len(costs)}
        return min(sorted(candidates), key=seconds)

    def run(self, compute: Callable[[Batch, Model], None], batches: Sequence[Batch]) -> None:
        """Call ``compute`` with each of ``batches``, in this order, and the model of a free lane.

        Returns when all have ended, and raises what one of them raised.
        """
        waiting = iter(batches)  # threads may share the iterator of a list

        def work(model: Model) -> None:
            for batch in waiting:
                compute(batch, model)

        lanes = [self._pool.submit(work, model) for model in self._models]
        wait(lanes)
        for lane in lanes:
            lane.result()


def _longest_lane(costs: Sequence[float], count: int) -> float:
    """Return when the last of ``count`` lanes ends, if a free lane always takes the next cost."""
    loads = [0.0] * count
    for cost in costs:
        loads[loads.index(min(loads))] += cost
    return max(loads)
