"""What a teacher reads for each of the student's windows: the same question and piece of text."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256

import numpy as np
from numpy.typing import NDArray

from qa.squad import Example
from training.windows import Cut


@dataclass(frozen=True)
class Piece:
    """The text of one window, from its first to its last context token."""

    question: str
    context: str
    offsets: NDArray[np.int64]  # [tokens, 2]: of the student's tokens, in ``context``


def pieces(cut: Cut, examples: Iterable[Example]) -> Iterator[Piece]:
    """Yield the pieces of the windows that ``cut`` makes of ``examples``, in their order."""
    for example in examples:
        windows = cut(example.question, example.context)
        for first, length in zip(windows.firsts, windows.lengths, strict=True):
            offsets = windows.offsets[first : first + length]
            begin, end = int(offsets[0, 0]), int(offsets[-1, 1])
            yield Piece(example.question, example.context[begin:end], offsets - begin)


def digest(some: Sequence[Piece]) -> str:
    """Return a sha256 that differs when one of the pieces does."""
    found = sha256()
    for piece in some:
        found.update(json.dumps([piece.question, piece.context]).encode())
        found.update(piece.offsets.astype("<i8").tobytes())
    return found.hexdigest()
