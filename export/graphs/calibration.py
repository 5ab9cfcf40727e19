"""The windows of real text on which static int8 measures its scales."""

from itertools import islice
from pathlib import Path

from export.windows import Tensors, example_windows
from qa.squad import read_examples
from qa.tensors import INPUTS
from qa.tokenizer import load_tokenizer

QUESTIONS = 200
WINDOWS = 256  # at most: with short windows a question makes many


def calibration_windows(dataset: Path, tokenizer: Path, sequence_length: int) -> list[Tensors]:
    """Return windows of ``dataset`` without padding, ``[1, length]``, one question after another.

    ``dataset`` is a SQuAD file; raises SquadError when it is not.
    """
    loaded = load_tokenizer(tokenizer)
    examples = read_examples(dataset)[:QUESTIONS]
    windows = (example_windows(loaded, each, sequence_length) for each in examples)
    rows = (
        {name: getattr(each, name)[row : row + 1, :length] for name in INPUTS}
        for each in windows
        for row, length in enumerate(each.attention_mask.sum(axis=1))
    )
    return list(islice(rows, WINDOWS))
