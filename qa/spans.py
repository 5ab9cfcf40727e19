"""Logits become scored answers: the exact best spans over all windows, on one scale.

A candidate span starts at the first token of a word, in the window where that token has its
maximum context, and ends at the last token of a word that the same window holds. It has at
most ``max_answer_len`` tokens; a single word is a candidate whatever its length, so that
every context has one. Its logit is start logit + end logit, its score the softmax over the
candidates of *all* windows, so that scores compare across windows and add up to 1.

Where a question may have no answer, the empty one is a candidate too, by the rules of SQuAD 2.0
in Google's ``run_squad.py`` (BERT, 2018): its logit, the null score, is start logit + end logit
at [CLS], the minimum over windows; it wins when it beats the best span by more than a threshold.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qa.characters import continues_character
from qa.windows import Windows, best_window

ROWS_AT_ONCE = 4096  # bounds the candidates held in memory: rows * max_answer_len float64


class LogitsError(ValueError):
    """Logits that no answer can be read from; the message says why."""


@dataclass(frozen=True)
class SpanOptions:
    """Which spans are answers, and how many of them."""

    top_k: int = 1
    max_answer_len: int = 30  # tokens
    align_to_words: bool = True  # False: an answer may start and end at any token
    null_threshold: float | None = None  # for the empty answer; None: it is no candidate


@dataclass(frozen=True)
class Answer:
    """One answer: ``context[start:end] == answer``, in Unicode code points."""

    answer: str
    score: float
    start: int
    end: int


@dataclass(frozen=True)
class _Candidates:
    logits: NDArray[np.float64]  # [rows, reach], -inf where there is no candidate
    starts: NDArray[np.int64]  # [rows], context token that starts each row's spans


def best_answers(
    windows: Windows,
    context: str,
    start_logits: NDArray[np.float32],
    end_logits: NDArray[np.float32],
    options: SpanOptions = SpanOptions(),
    *,
    temperature: float = 1.0,
) -> list[Answer]:
    """Return the ``top_k`` best distinct answers, best first; fewer when there are fewer.

    ``start_logits`` and ``end_logits`` are ``[n, sequence]``, as the model gave them for
    ``windows``; they are read at context tokens and [CLS] only. With a ``null_threshold`` the
    empty answer (0 to 0) is a candidate; its logit is the null score less ``null_threshold``.
    Logits are divided by ``temperature``, which changes scores but no order. Raises LogitsError
    when their shape is not that of the windows, or one at a token is not finite.
    """
    _check_logits(windows, start_logits, end_logits)
    top_k, null_threshold = options.top_k, options.null_threshold
    words = windows.words if options.align_to_words else windows.characters
    best: list[tuple[float, int, int]] = []  # (-logit, start token, end token)
    log_total = -np.inf
    if null_threshold is not None:
        null = (_null_score(start_logits, end_logits) - null_threshold) / temperature
        best, log_total = [(-null, len(words), len(words))], null  # a span wins a tie
    scaled = start_logits / temperature, end_logits / temperature
    for found in _candidates(windows, words, *scaled, options.max_answer_len):
        log_total = np.logaddexp(log_total, _logsumexp(found.logits))
        best = sorted(best + _top(found, top_k))[:top_k]
    distinct: dict[tuple[int, int], Answer] = {}
    for negative, first, last in best:
        score = float(np.exp(-negative - log_total))
        answer = _answer(windows, words, context, first, last, score)
        distinct.setdefault((answer.start, answer.end), answer)
    return list(distinct.values())


def _null_score(start_logits: NDArray[np.float32], end_logits: NDArray[np.float32]) -> float:
    return float((start_logits[:, 0].astype(np.float64) + end_logits[:, 0]).min())


def null_difference(
    windows: Windows,
    start_logits: NDArray[np.float32],
    end_logits: NDArray[np.float32],
    options: SpanOptions = SpanOptions(),
) -> float:
    """Return the null score less the logit of the best span, both as in ``best_answers``.

    It is the lowest ``null_threshold`` at which the span is the best answer, Google's
    ``score_diff``. Raises LogitsError as ``best_answers`` does.
    """
    _check_logits(windows, start_logits, end_logits)
    words = windows.words if options.align_to_words else windows.characters
    found = _candidates(windows, words, start_logits, end_logits, options.max_answer_len)
    best = max(float(each.logits.max(initial=-np.inf)) for each in found)
    return _null_score(start_logits, end_logits) - best


def _check_logits(windows: Windows, *logits: NDArray[np.float32]) -> None:
    for each in logits:
        if each.shape != windows.input_ids.shape:
            raise LogitsError(
                f"logits have the shape {each.shape}, but windows {windows.input_ids.shape}"
            )
        if not np.isfinite(each[windows.attention_mask == 1]).all():
            raise LogitsError("the model gave logits that are not finite numbers")


def _candidates(
    windows: Windows,
    words: NDArray[np.int64],
    start_logits: NDArray[np.float32],
    end_logits: NDArray[np.float32],
    max_answer_len: int,
) -> Iterator[_Candidates]:
    opens = np.append(True, words[1:] != words[:-1])  # [tokens], first token of a word
    closes = np.append(opens[1:], True)  # [tokens], last token of a word
    longest_word = int(np.diff(np.append(np.flatnonzero(opens), len(words))).max())
    reach = max(max_answer_len, longest_word)
    steps = np.arange(reach)  # from a span's first token to its last
    best = best_window(windows)
    for window, (first, length) in enumerate(zip(windows.firsts, windows.lengths, strict=True)):
        position = windows.context_position
        last = first + length - 1
        # over the window's context tokens, with `reach` more in which no span ends
        end_row = np.full(length + reach, -np.inf)
        end_row[:length] = end_logits[window, position : position + length]
        end_row[:length][~closes[first : last + 1]] = -np.inf
        end_row[length - 1] = end_logits[window, position + length - 1]  # a word cut by the edge
        starts = np.arange(first, last + 1)
        starts = starts[opens[first : last + 1] & (best[first : last + 1] == window)]
        for done in range(0, len(starts), ROWS_AT_ONCE):
            chunk = starts[done : done + ROWS_AT_ONCE]
            rows = chunk - first
            logits = end_row[rows[:, None] + steps]
            logits += start_logits[window, position + rows, None]
            if reach > max_answer_len:  # a word has more tokens than an answer of several words may
                ends = np.minimum(chunk[:, None] + steps, last)
                too_long = (steps >= max_answer_len) & (words[ends] != words[chunk, None])
                logits[too_long] = -np.inf
            yield _Candidates(logits, chunk)


def _logsumexp(logits: NDArray[np.float64]) -> float:
    highest = logits.max(initial=-np.inf)
    if highest == -np.inf:
        return -np.inf
    return float(highest + np.log(np.exp(logits - highest).sum()))


def _top(found: _Candidates, top_k: int) -> list[tuple[float, int, int]]:
    flat = found.logits.ravel()
    kth = max(flat.size - top_k, 0)
    kept = np.flatnonzero(flat >= np.partition(flat, kth)[kth])
    kept = kept[flat[kept] > -np.inf]
    rows, steps = np.divmod(kept, found.logits.shape[1])
    starts = found.starts[rows]
    return [
        (-float(logit), int(start), int(end))
        for logit, start, end in zip(flat[kept], starts, starts + steps, strict=True)
    ]


def _answer(
    windows: Windows,
    words: NDArray[np.int64],
    context: str,
    first: int,
    last: int,
    score: float,
) -> Answer:
    """Make the answer of a span of tokens: the characters of its whole words."""
    if first == len(words):
        return Answer(answer="", score=score, start=0, end=0)
    while last + 1 < len(words) and words[last + 1] == words[last]:
        last += 1  # a word cut by the window's edge
    start, end = int(windows.offsets[first, 0]), int(windows.offsets[last, 1])
    while continues_character(context, end):
        end += 1  # an accent that normalisation stripped belongs to the letter before it
    return Answer(answer=context[start:end], score=score, start=start, end=end)
