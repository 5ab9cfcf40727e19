"""Lanes: a model loaded to compute several sub-batches at the same time, one thread for each.

Two threads that share one inference wait for each other after every operator, and all the longer
when the gateway or Triton wants a core. Threads that have a sub-batch each do not.
"""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Batch = TypeVar("Batch")

#: Inputs of the contract, int32 [rows, length], to start and end logits, float32 likewise.
Model = Callable[[Mapping[str, NDArray[np.int32]]], tuple[NDArray[np.float32], NDArray[np.float32]]]

#: The share of an inference that more threads speed up, in Amdahl's law: two threads computed a
#: window 1.66 times as fast as one (onnx_int8 on an AMD EPYC, Zen 3).
PARALLEL_SHARE = 0.8

#: The tokens of a row at which attention, which grows with their square, takes as many operations
#: as all that grows with their number: 6 times the hidden size, which is 384 in the bundled model.
#: Only the balance of long and short rows hangs on it.
TOKENS_OF_EVEN_ATTENTION = 2304


class Lanes:
    """Models that may be called at the same time, each of which computes with one thread."""

    def __init__(self, models: Sequence[Model]) -> None:
        self._models = models
        self._pool = ThreadPoolExecutor(len(models), "lane")

    def lone(self, shapes: Sequence[tuple[int, int]]) -> int:
        """Return how many sub-batches one model should compute with all threads, before lanes.

        They are the first of ``shapes``, rows and tokens of each, which descend; the lanes share
        the rest. It is the number with which all takes the least time, by Amdahl's law: none of
        many, all that there are of one, and one of three that are alike.
        """
        costs = [rows * tokens * (1 + tokens / TOKENS_OF_EVEN_ATTENTION) for rows, tokens in shapes]
        count = len(self._models)
        share = 1 - PARALLEL_SHARE + PARALLEL_SHARE / count

        def seconds(lone: int) -> float:
            return share * sum(costs[:lone]) + _longest_lane(costs[lone:], count)

        # more than one for each lane would only be longer ones that the lanes can share out
        candidates: set[int] = {*range(min(count, len(costs))), len(costs)}
        return min(sorted(candidates), key=seconds)

    def run(self, compute: Callable[[Batch, Model], None], batches: Sequence[Batch]) -> None:
        """Call ``compute`` with each of ``batches``, in this order, and the model of a free lane.

        Returns when all have ended, and raises what one of them raised.
        """
        waiting = iter(batches)  # a list's, from which threads may take in turns

        def work(model: Model) -> None:
            for batch in waiting:
                compute(batch, model)

        lanes = [self._pool.submit(work, model) for model in self._models]
        wait(lanes)
        for lane in lanes:
            lane.result()


def _longest_lane(costs: Sequence[float], count: int) -> float:
    """Return when the last of ``count`` lanes ends, each taking the next when it is free."""
    loads = [0.0] * count
    for cost in costs:
        loads[loads.index(min(loads))] += cost
    return max(loads)
