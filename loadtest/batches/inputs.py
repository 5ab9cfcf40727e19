"""The input of the model: windows of text without padding, or the windows of SQuAD."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from loadtest.errors import LoadTestError
from qa import squad
from qa.squad import Example, SquadError
from qa.tokenizer import TokenizerError, load_tokenizer
from qa.windows import Rows as ModelRows
from qa.windows import Windows, make_windows

Kind = Literal["padded", "squad"]
SEED = 0


@dataclass(frozen=True)
class Rows(ModelRows):
    """Windows to send, padded to one length, and batches of them."""

    @property
    def lengths(self) -> tuple[int, ...]:
        """The real tokens of each window."""
        return tuple(int(length) for length in self.attention_mask.sum(axis=1))

    def take(self, numbers: NDArray[np.intp]) -> "Rows":
        """Return the windows with these numbers, in this order."""
        return Rows(*(array[numbers] for array in vars(self).values()))

    def batches(self, size: int) -> Iterator["Rows"]:
        """Yield batches of ``size`` with every window; the last one is filled up from the start."""
        for first in range(0, len(self), size):
            yield self.take(np.arange(first, first + size) % len(self))


def read_examples(path: Path) -> list[Example]:
    """Read a SQuAD file; raises LoadTestError where it is missing or malformed."""
    try:
        return squad.read_examples(path)
    except SquadError as error:
        raise LoadTestError(f"the questions cannot be read: {error}") from error


def read_tokenizer(path: Path) -> Tokenizer:
    """Read the tokenizer that the export wrote; raises LoadTestError when it cannot be read."""
    if not path.is_file():
        raise LoadTestError(
            f"there is no tokenizer at {path}; run make export, or name another folder with "
            "--repository"
        )
    try:
        return load_tokenizer(path)
    except TokenizerError as error:
        raise LoadTestError(str(error)) from error


def make_rows(
    kind: Kind, tokenizer: Tokenizer, examples: Sequence[Example], sequence_length: int
) -> Rows:
    """Return the windows to send.

    ``padded`` windows have real tokens only, so that no work is on padding: the first question,
    and the contexts of ``examples`` one after another. ``squad`` windows are those of each
    question, as NVIDIA's script makes them, in a random order that is always the same.
    """
    if kind == "padded":
        return _full(tokenizer, examples, sequence_length)
    rows = join(
        make_windows(tokenizer, each.question, each.context, sequence_length=sequence_length)
        for each in examples
    )
    return rows.take(np.random.default_rng(SEED).permutation(len(rows)))


def _full(tokenizer: Tokenizer, examples: Sequence[Example], sequence_length: int) -> Rows:
    text = " ".join(dict.fromkeys(each.context for each in examples))
    repeats = -(-sequence_length // len(text.split()))  # every word has at least one token
    question = examples[0].question
    windows = make_windows(
        tokenizer, question, " ".join([text] * repeats), sequence_length=sequence_length
    )
    rows = join([windows])
    return rows.take(np.flatnonzero(rows.attention_mask.all(axis=1)))


def join(parts: Iterable[Windows]) -> Rows:
    """Return the windows of several questions together."""
    every = list(parts)
    return Rows(
        input_ids=np.concatenate([each.input_ids for each in every]),
        attention_mask=np.concatenate([each.attention_mask for each in every]),
        token_type_ids=np.concatenate([each.token_type_ids for each in every]),
    )
