"""The windows of a SQuAD example, made to fit any sequence length."""

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from qa.squad import Example
from qa.windows import DOC_STRIDE, WindowOptions, Windows, make_windows

Tensors = dict[str, NDArray[np.int32]]  # the model's inputs by name, [windows, sequence]


def example_windows(tokenizer: Tokenizer, example: Example, sequence_length: int) -> Windows:
    """Return the windows of ``example`` by Google's rules, made to fit any sequence length."""
    options = WindowOptions(
        # half of the sequence is left for context at least
        doc_stride=min(DOC_STRIDE, sequence_length // 2),
        max_question_len=min(WindowOptions.max_question_len, sequence_length // 4),
    )
    return make_windows(
        *(tokenizer, example.question, example.context, options), sequence_length=sequence_length
    )
