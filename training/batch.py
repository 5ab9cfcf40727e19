"""A batch: windows as tensors, padded to the longest among them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from training.windows import CLS_POSITION, TrainingWindow

MULTIPLE = 8  # lengths are rounded up to it: fewer shapes on a CPU, whole tiles on a GPU


@dataclass(frozen=True)
class Batch:
    """All tensors are ``[batch, sequence]``."""

    input_ids: Tensor  # int64
    attention_mask: Tensor  # int64, 1 at tokens
    token_type_ids: Tensor  # int64, 1 at the context and its [SEP]
    read: Tensor  # bool, at [CLS] and the context's tokens: where answers are read
    starts: Tensor  # bool, where a right answer starts
    ends: Tensor  # bool, where one ends
    # float32 log-probabilities of start and end, 0 at what is not read; None without a teacher
    teacher: tuple[Tensor, Tensor] | None = None

    @property
    def inputs(self) -> tuple[Tensor, Tensor, Tensor]:
        """The model's inputs."""
        return self.input_ids, self.attention_mask, self.token_type_ids


def collate(windows: Sequence[TrainingWindow], device: torch.device) -> Batch:
    """Return ``windows`` as tensors on ``device``; all of them have a teacher, or none."""
    longest = max(len(window) for window in windows)
    size = (len(windows), -(-longest // MULTIPLE) * MULTIPLE)
    input_ids = np.zeros(size, dtype=np.int64)
    attention_mask, token_type_ids = np.zeros_like(input_ids), np.zeros_like(input_ids)
    read, starts, ends = (np.zeros(size, dtype=bool) for _ in range(3))
    teacher = np.zeros((2, *size), dtype=np.float32)
    for row, window in enumerate(windows):
        length, context = len(window), window.context_position
        input_ids[row, :length] = window.input_ids
        attention_mask[row, :length] = 1
        token_type_ids[row, context:length] = 1
        read[row, CLS_POSITION] = True
        read[row, context : length - 1] = True
        starts[row, list(window.starts)] = True
        ends[row, list(window.ends)] = True
        if window.teacher is not None:
            teacher[:, row, read[row]] = window.teacher

    def tensor(array: NDArray[Any]) -> Tensor:
        return torch.from_numpy(array).to(device, non_blocking=True)

    taught = all(window.teacher is not None for window in windows)
    return Batch(
        input_ids=tensor(input_ids),
        attention_mask=tensor(attention_mask),
        token_type_ids=tensor(token_type_ids),
        read=tensor(read),
        starts=tensor(starts),
        ends=tensor(ends),
        teacher=(tensor(teacher[0]), tensor(teacher[1])) if taught else None,
    )
