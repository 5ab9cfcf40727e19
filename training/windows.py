"""Windows to train on: the same as in serving, with the positions of the right answers."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from qa.squad import Example, SquadError
from qa.windows import WindowError, Windows, make_windows

Spans = list[tuple[int, int]]  # first and last context token
Cut = Callable[[str, str], Windows]  # what makes windows of a question and a context

CLS_POSITION = 0


@dataclass(frozen=True)
class TrainingWindow:
    """One window without its padding.

    When it does not hold the answer, the only right start and end is [CLS].
    """

    input_ids: NDArray[np.int32]  # [length]
    context_position: int  # of the first context token
    starts: tuple[int, ...]  # positions where a right answer starts
    ends: tuple[int, ...]  # and where one ends
    # float16 [2, 1 + context tokens]: a teacher's log-probabilities of start and end
    teacher: NDArray[np.float16] | None = None

    def __len__(self) -> int:
        """Return the number of tokens."""
        return len(self.input_ids)


def training_windows(
    tokenizer: Tokenizer,
    examples: Iterable[Example],
    max_seq_len: int,
) -> tuple[list[TrainingWindow], list[Example]]:
    """Return the windows of ``examples`` as in serving, and the examples that are left out.

    Raises as ``labelled_windows``.
    """
    cut = partial(make_windows, tokenizer, sequence_length=max_seq_len)
    return labelled_windows(cut, examples)


def labelled_windows(
    cut: Cut, examples: Iterable[Example]
) -> tuple[list[TrainingWindow], list[Example]]:
    """Return the windows that ``cut`` makes of ``examples``, and the examples that are left out.

    A question is left out, as by Google's ``run_squad.py``, when none of its answers is in its
    context. Raises SquadError, which names the article and the question, when no windows can be
    made of one.
    """
    found: list[TrainingWindow] = []
    left_out: list[Example] = []
    for example in examples:
        try:
            windows = cut(example.question, example.context)
        except WindowError as error:
            raise SquadError(f"question {example.id!r} of {example.title!r}: {error}") from error
        spans = answer_spans(windows, example.context, example.answers)
        if spans or not example.answers:
            found += _labelled(windows, spans)
        else:
            left_out.append(example)
    return found, left_out


def _labelled(windows: Windows, spans: Spans) -> Iterator[TrainingWindow]:
    ends = windows.context_position + windows.lengths + 1
    for row, end, (starts, lasts) in zip(
        windows.input_ids, ends, labels(windows, spans), strict=True
    ):
        yield TrainingWindow(row[:end].copy(), windows.context_position, starts, lasts)


def answer_spans(windows: Windows, context: str, answers: Sequence[str]) -> Spans:
    """Return every occurrence of every answer, as its first and last context token.

    Only whole words count, as a served answer always is whole words: "in" does not occur in
    "India". If there is no such occurrence (1960 in "1960s"), the words around each partial one
    count instead. All white space is equal.
    """
    occurrences = [at for answer in answers for at in _occurrences(context, answer)]
    opens = np.append(True, np.diff(windows.words) != 0)
    closes = np.append(opens[1:], True)
    whole, around = set(), set()
    for start, end in occurrences:
        # the tokens that overlap it
        first = int(np.searchsorted(windows.offsets[:, 1], start, side="right"))
        last = int(np.searchsorted(windows.offsets[:, 0], end, side="left")) - 1
        if first > last:  # the tokenizer drops all of it
            continue
        opening = first - int(np.argmax(opens[first::-1]))
        closing = last + int(np.argmax(closes[last:]))
        around.add((opening, closing))
        if windows.offsets[opening, 0] == start and windows.offsets[closing, 1] == end:
            whole.add((opening, closing))
    return sorted(whole or around)


def _occurrences(context: str, answer: str) -> Iterator[tuple[int, int]]:
    words = r"\s+".join(map(re.escape, answer.split()))
    if words:
        for found in re.finditer(f"(?=({words}))", context):  # those that overlap, too
            yield found.span(1)


def labels(windows: Windows, spans: Spans) -> Iterator[tuple[tuple[int, ...], tuple[int, ...]]]:
    """Yield for each window the start and end positions of the spans that it holds whole."""
    for first, length in zip(windows.firsts.tolist(), windows.lengths.tolist(), strict=True):
        held = [(a, b) for a, b in spans if first <= a and b < first + length]
        shift = windows.context_position - first
        starts = sorted({a + shift for a, _ in held}) or [CLS_POSITION]
        ends = sorted({b + shift for _, b in held}) or [CLS_POSITION]
        yield tuple(starts), tuple(ends)
