"""The windows of SQuAD examples, and their rows in one batch."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from qa.squad import Example
from qa.tensors import INPUTS
from qa.windows import DOC_STRIDE, WindowOptions, Windows, make_windows

Tensors = dict[str, NDArray[np.int32]]  # the model's inputs by name, [windows, sequence]
Logits = tuple[NDArray[np.float32], NDArray[np.float32]]  # start and end, [windows, sequence]


def example_windows(tokenizer: Tokenizer, example: Example, sequence_length: int) -> Windows:
    """Return the windows of ``example`` by Google's rules, made to fit any sequence length."""
    options = WindowOptions(
        # at least half of the sequence is left for the context
        doc_stride=min(DOC_STRIDE, sequence_length // 2),
        max_question_len=min(WindowOptions.max_question_len, sequence_length // 4),
    )
    return make_windows(
        *(tokenizer, example.question, example.context, options), sequence_length=sequence_length
    )


def stack(windows: Sequence[Windows]) -> Tensors:
    """Return the rows of all ``windows`` as one batch."""
    return {name: np.concatenate([getattr(each, name) for each in windows]) for name in INPUTS}


def unstack(logits: Logits, windows: Sequence[Windows]) -> Iterator[Logits]:
    """Yield the part of ``logits``, of the batch ``stack(windows)``, for each of ``windows``."""
    first = 0
    for each in windows:
        rows = slice(first, first + len(each))
        yield logits[0][rows], logits[1][rows]
        first = rows.stop
