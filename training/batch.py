"""A batch: windows as tensors, padded to the longest among them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
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

    @property
    def inputs(self) -> tuple[Tensor, Tensor, Tensor]:
        """The model's inputs."""
        return self.input_ids, self.attention_mask, self.token_type_ids


def collate(windows: Sequence[TrainingWindow], device: torch.device) -> Batch:
    """Return ``windows`` as tensors on ``device``."""
    longest = max(len(window) for window in windows)
    size = (len(windows), -(-longest // MULTIPLE) * MULTIPLE)
    input_ids = np.zeros(size, dtype=np.int64)
    attention_mask, token_type_ids = np.zeros_like(input_ids), np.zeros_like(input_ids)
    read, starts, ends = (np.zeros(size, dtype=bool) for _ in range(3))
    for row, window in enumerate(windows):
        length, context = len(window), window.context_position
        input_ids[row, :length] = window.input_ids
        attention_mask[row, :length] = 1
        token_type_ids[row, context:length] = 1
        read[row, CLS_POSITION] = True
        read[row, context : length - 1] = True
        starts[row, list(window.starts)] = True
        ends[row, list(window.ends)] = True
    arrays = (input_ids, attention_mask, token_type_ids, read, starts, ends)
    return Batch(*(torch.from_numpy(array).to(device, non_blocking=True) for array in arrays))
