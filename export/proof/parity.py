"""Parity: how far a variant's logits and answers are from the FP32 reference, on real text."""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from embedded.report import Parity
from export.calibration import SAMPLE
from export.checkpoint.reader import Checkpoint, read_checkpoint
from export.errors import ExportError
from export.proof.reference import reference_logits
from export.windows import Logits, Tensors, example_windows, stack, unstack
from qa.spans import best_answers
from qa.squad import read_examples
from qa.tensors import ATTENTION_MASK, END_LOGITS, INPUT_IDS, START_LOGITS
from qa.tokenizer import load_tokenizer
from qa.windows import Windows

WINDOWS = 64
BATCH_SIZE = 8  # short windows beside longer ones, so that padding is tested too

Model = Callable[[Tensors], dict[str, NDArray[np.float32]]]


@dataclass(frozen=True)
class ReferenceQuestion:
    """A context, its windows, and the reference's logits for them."""

    context: str
    windows: Windows
    logits: Logits


def reference_questions(
    source: Path, tokenizer_file: Path, sequence_length: int
) -> tuple[ReferenceQuestion, ...]:
    """Return questions of the sample, ``WINDOWS`` windows or more, with the reference's logits.

    ``source`` is the checkpoint. Raises ExportError when a logit of the reference is not finite.
    """
    checkpoint, tokenizer = read_checkpoint(source), load_tokenizer(tokenizer_file)
    questions: list[ReferenceQuestion] = []
    examples = read_examples(SAMPLE)
    for example in random.Random(0).sample(examples, len(examples)):  # noqa: S311
        windows = example_windows(tokenizer, example, sequence_length)
        logits = _reference(checkpoint, windows)
        questions.append(ReferenceQuestion(example.context, windows, logits))
        if sum(len(question.windows) for question in questions) >= WINDOWS:
            break
    return tuple(questions)


def _reference(checkpoint: Checkpoint, windows: Windows) -> Logits:
    start, end = np.zeros((2, *windows.input_ids.shape), np.float32)
    lengths = windows.attention_mask.sum(axis=1)
    with np.errstate(over="ignore", invalid="ignore"):  # checked below
        for row, length in enumerate(lengths):
            start[row, :length], end[row, :length] = reference_logits(
                checkpoint.config,
                checkpoint.weights,
                windows.input_ids[row, :length],
                windows.token_type_ids[row, :length],
            )
    if not (np.isfinite(start).all() and np.isfinite(end).all()):
        raise ExportError(f"{checkpoint.path} gives logits that are not finite: it is damaged")
    return start, end


def compare(model: Model, questions: Sequence[ReferenceQuestion]) -> Parity:
    """Compare ``model``, run on padded batches, with the reference.

    Raises ExportError when a logit is not finite.
    """
    computed = list(_run(model, [question.windows for question in questions]))
    differences = []
    for question, logits in zip(questions, computed, strict=True):
        real = question.windows.attention_mask == 1
        pairs = zip(question.logits, logits, strict=True)
        differences += [np.abs(ours - theirs)[real] for ours, theirs in pairs]
    every = np.concatenate(differences)
    if not np.isfinite(every).all():
        raise ExportError("the exported model gives logits that are not finite on real text")
    return Parity(
        windows=sum(len(question.windows) for question in questions),
        largest_logit_difference=float(every.max()),
        mean_logit_difference=float(every.mean()),
        answers=len(questions),
        equal_answers=sum(
            _answer(question, question.logits) == _answer(question, logits)
            for question, logits in zip(questions, computed, strict=True)
        ),
    )


def longest_window(questions: Sequence[ReferenceQuestion]) -> Tensors:
    """Return the longest of all windows, int32 ``[1, length]`` without padding."""
    inputs = stack([question.windows for question in questions])
    lengths = inputs[ATTENTION_MASK].sum(axis=1)
    row = int(lengths.argmax())
    return {name: values[row : row + 1, : lengths[row]] for name, values in inputs.items()}


def _run(model: Model, windows: Sequence[Windows]) -> Iterator[Logits]:
    """Return the logits of each question's windows; rows of similar length share a batch."""
    inputs = stack(windows)
    lengths = inputs[ATTENTION_MASK].sum(axis=1)
    start, end = np.zeros((2, *inputs[INPUT_IDS].shape), np.float32)
    by_length = np.argsort(lengths, kind="stable")
    for first in range(0, len(by_length), BATCH_SIZE):
        rows = by_length[first : first + BATCH_SIZE]
        longest = lengths[rows].max()
        found = model({name: values[rows, :longest] for name, values in inputs.items()})
        start[rows, :longest] = found[START_LOGITS]
        end[rows, :longest] = found[END_LOGITS]
    return unstack((start, end), windows)


def _answer(question: ReferenceQuestion, logits: Logits) -> tuple[int, int]:
    best, *_ = best_answers(question.windows, question.context, *logits)
    return best.start, best.end
