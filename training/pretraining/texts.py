"""Text to pre-train on: windows of SQuAD's questions and paragraphs, and of plain text files."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

from qa.squad import Example, read_examples
from training.articles import split
from training.errors import TrainingError
from training.windows import TrainingWindow, training_windows

SMALLEST_PART = 8  # tokens; what is left of a paragraph after its last whole window


@dataclass(frozen=True)
class Texts:
    """``held_out`` is never trained on: SQuAD's held-out articles."""

    train: list[TrainingWindow]
    held_out: list[TrainingWindow]


def read_texts(paths: Sequence[Path], tokenizer: Tokenizer, max_seq_len: int) -> Texts:
    """Return the windows of SQuAD files (``.json``, ``.json.gz``) and of plain text (``.txt``).

    A SQuAD file gives the windows of fine-tuning: a question, then its paragraph. In a text file,
    in UTF-8, blank lines separate paragraphs. Raises TrainingError for a file that is of another
    kind or cannot be read, and SquadError.
    """
    train: list[TrainingWindow] = []
    held_out: list[TrainingWindow] = []
    for path in paths:
        if path.suffix == ".txt":
            train += _of_text(path, tokenizer, max_seq_len)
        elif path.name.endswith((".json", ".json.gz")):
            parts = split(read_examples(path))
            train += _of_squad(parts.train, tokenizer, max_seq_len)
            held_out += _of_squad(parts.held_out, tokenizer, max_seq_len)
        else:
            raise TrainingError(f"{path} is neither SQuAD (.json, .json.gz) nor text (.txt)")
    return Texts(train, held_out)


def _of_squad(
    examples: Sequence[Example], tokenizer: Tokenizer, max_seq_len: int
) -> list[TrainingWindow]:
    # without answers, no question is left out because its answer is not in its context
    unanswered = [replace(each, answers=()) for each in examples]
    windows, _ = training_windows(tokenizer, unanswered, max_seq_len)
    return windows


def _of_text(path: Path, tokenizer: Tokenizer, max_seq_len: int) -> Iterator[TrainingWindow]:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise TrainingError(f"cannot read {path}: {error}") from error
    opening, closing = (tokenizer.token_to_id(each) for each in ("[CLS]", "[SEP]"))
    room = max_seq_len - 2
    for paragraph in re.split(r"\n\s*\n", text):
        ids = tokenizer.encode(paragraph, add_special_tokens=False).ids
        for first in range(0, len(ids), room):
            part = ids[first : first + room]
            if len(part) >= SMALLEST_PART:
                row = np.array([opening, *part, closing], dtype=np.int32)
                yield TrainingWindow(row, context_position=1, starts=(0,), ends=(0,))
