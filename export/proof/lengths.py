"""Lengths: a row must have the same logits whether it is padded or not, at every length.

A runtime that makes kernels for each shape may compute one shape wrongly and all others well:
OpenVINO 2026.4 did, on a CPU with AMX, where a row was as long as an attention head is wide.
"""

import numpy as np
from numpy.typing import NDArray

from export.errors import ExportError
from export.proof.parity import Model
from export.windows import Tensors
from qa.tensors import ATTENTION_MASK, END_LOGITS, START_LOGITS

STEP = 16  # backends compute multiples of it (embedded/backends/openvino_ir.py), or any length

#: Of the spread of the logits. Kernels for other shapes may round differently, by 0.1 in a tiny
#: model; the wrong ones differed by 0.5 to 1.7.
ALLOWED = 0.2


def check_lengths(model: Model, window: Tensors, step: int = STEP) -> None:
    """Compute the beginnings of ``window``, int32 ``[1, length]`` without padding.

    Each beginning, of a multiple of ``step`` tokens, is computed as it is and with ``step`` tokens
    of padding. Raises ExportError for the first whose logits differ.
    """
    for length in range(step, window[ATTENTION_MASK].shape[1] - step + 1, step):
        bare, padded = (_logits(model, window, length, width) for width in (length, length + step))
        difference = np.sqrt(np.mean((bare - padded) ** 2)) / padded.std()
        if not difference <= ALLOWED:  # a NaN fails too
            raise ExportError(
                f"the logits of {length} tokens differ from those of the same tokens padded to "
                f"{length + step}, by {difference:.2g} of their spread. The runtime computes one "
                "of these lengths wrongly on this CPU: leave this variant out (VARIANTS=)"
            )


def _logits(model: Model, window: Tensors, length: int, width: int) -> NDArray[np.float32]:
    """Return the start and end logits of the first ``length`` tokens, padded to ``width``."""
    padded = {name: values[:, :width].copy() for name, values in window.items()}
    for values in padded.values():
        values[:, length:] = 0
    found = model(padded)
    return np.concatenate([found[name][0, :length] for name in (START_LOGITS, END_LOGITS)])
