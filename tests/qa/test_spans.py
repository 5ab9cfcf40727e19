import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from tokenizers import Tokenizer

from qa.characters import continues_character
from qa.spans import Answer, LogitsError, SpanOptions, best_answers, null_difference
from qa.windows import WindowError, WindowOptions, Windows, best_window, make_windows

QUESTION = "Who led the conquest?"

# letters with stripped accents, CJK, emoji with joiners, tabs, right-to-left, Hangul, soft hyphens
ALPHABET = "abcE.,'-9 \t\n\u00e9\u0301\u0308\u65e5\u672c\ud55c\uae00\u05e9\u05c1\u0645\u0651" + (
    "\U0001f469\u200d\U0001f680\u2764\ufe0f\u00ad\u200b\u0130\u00df\u00bd\ufb01#[]"
)


def logits_like(windows: Windows, seed: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    generator = np.random.default_rng(seed)
    start, end = generator.normal(0, 3, (2, *windows.input_ids.shape)).astype(np.float32)
    return start, end


def slow_candidates(
    windows: Windows,
    words: list[int],
    start_logits: NDArray[np.float32],
    end_logits: NDArray[np.float32],
    max_answer_len: int = 30,
) -> dict[tuple[int, int], float]:
    """Every candidate, one at a time, straight from the definition in qa.spans."""
    best = best_window(windows)
    found: dict[tuple[int, int], float] = {}
    for window in range(len(windows)):
        first, length = int(windows.firsts[window]), int(windows.lengths[window])
        inside = range(first, first + length)
        for start in inside:
            if best[start] != window or (start > 0 and words[start - 1] == words[start]):
                continue
            for end in range(start, first + length):
                cut = end == inside[-1]
                if not cut and words[end + 1] == words[end]:
                    continue
                if end - start + 1 > max_answer_len and words[start] != words[end]:
                    continue
                column = windows.question_len + 2 - first
                logit = float(start_logits[window, start + column]) + float(
                    end_logits[window, end + column]
                )
                last = max(token for token in range(len(words)) if words[token] == words[end])
                assert (start, last) not in found
                found[start, last] = logit
    return found


def slow_null_score(
    windows: Windows, start_logits: NDArray[np.float32], end_logits: NDArray[np.float32]
) -> float:
    """The loop of Google's run_squad.py."""
    score_null = 1000000.0
    for window in range(len(windows)):
        feature_null_score = float(start_logits[window, 0]) + float(end_logits[window, 0])
        if feature_null_score < score_null:
            score_null = feature_null_score
    return score_null


def slow_answers(
    windows: Windows,
    context: str,
    start_logits: NDArray[np.float32],
    end_logits: NDArray[np.float32],
    options: SpanOptions,
    temperature: float,
) -> list[Answer]:
    # tokens of one character stay together
    words = (windows.words if options.align_to_words else windows.characters).tolist()
    found = slow_candidates(windows, words, start_logits, end_logits, options.max_answer_len)
    if options.null_threshold is not None:
        null = slow_null_score(windows, start_logits, end_logits)
        found[len(words), len(words)] = null - options.null_threshold
    total = sum(math.exp(logit / temperature) for logit in found.values())
    ranked = sorted(found.items(), key=lambda item: (-item[1], item[0]))
    answers = []
    for (first, last), logit in ranked:
        score = math.exp(logit / temperature) / total
        if first == len(words):
            answers.append(Answer("", score, 0, 0))
            continue
        start, end = int(windows.offsets[first, 0]), int(windows.offsets[last, 1])
        while continues_character(context, end):
            end += 1
        answers.append(Answer(context[start:end], score, start, end))
    return answers


def contexts() -> st.SearchStrategy[str]:
    return st.text(st.sampled_from(ALPHABET), min_size=1, max_size=120).map(lambda s: "k" + s)


@given(
    context=contexts(),
    seed=st.integers(0, 2**32 - 1),
    sequence_length=st.integers(12, 40),
    max_answer_len=st.integers(1, 12),
    top_k=st.integers(1, 8),
    align_to_words=st.booleans(),
    null_threshold=st.none() | st.floats(-20, 20),
    temperature=st.floats(0.5, 4),
    data=st.data(),
)
@settings(deadline=None, max_examples=400)
def test_the_best_spans_are_exact(
    tokenizer: Tokenizer,
    context: str,
    seed: int,
    sequence_length: int,
    max_answer_len: int,
    top_k: int,
    align_to_words: bool,
    null_threshold: float | None,
    temperature: float,
    data: st.DataObject,
) -> None:
    options = SpanOptions(
        top_k=top_k,
        max_answer_len=max_answer_len,
        align_to_words=align_to_words,
        null_threshold=null_threshold,
    )
    cut = WindowOptions(doc_stride=data.draw(st.integers(1, sequence_length - 8)))
    windows = make_windows(tokenizer, QUESTION, context, cut, sequence_length=sequence_length)
    start, end = logits_like(windows, seed)
    fast = best_answers(windows, context, start, end, options, temperature=temperature)
    slow = slow_answers(windows, context, start, end, options, temperature)
    assert [(each.start, each.end) for each in fast] == [
        (each.start, each.end) for each in slow[:top_k]
    ]
    assert np.allclose([each.score for each in fast], [each.score for each in slow[:top_k]])
    for answer in fast:
        assert context[answer.start : answer.end] == answer.answer
        assert answer.answer.strip() or null_threshold is not None


@pytest.mark.parametrize("null_threshold", [None, 0.0])
@given(context=contexts(), seed=st.integers(0, 2**32 - 1))
@settings(deadline=None)
def test_scores_add_up_to_one(
    tokenizer: Tokenizer, null_threshold: float | None, context: str, seed: int
) -> None:
    windows = make_windows(
        *(tokenizer, QUESTION, context, WindowOptions(doc_stride=5)), sequence_length=24
    )
    start, end = logits_like(windows, seed)
    options = SpanOptions(top_k=10**6, max_answer_len=100, null_threshold=null_threshold)
    answers = best_answers(windows, context, start, end, options, temperature=2)
    assert sum(each.score for each in answers) == pytest.approx(1)


@given(st.text(ALPHABET, min_size=1).filter(str.strip), st.integers(0, 2**16))
def test_the_null_difference_is_the_threshold_that_decides(
    tokenizer: Tokenizer, context: str, seed: int
) -> None:
    try:
        windows = make_windows(tokenizer, QUESTION, context, sequence_length=24)
    except WindowError:
        return  # nothing that the tokenizer keeps
    start, end = logits_like(windows, seed)
    difference = null_difference(windows, start, end)
    best = max(slow_candidates(windows, windows.words.tolist(), start, end).values())
    assert difference == pytest.approx(slow_null_score(windows, start, end) - best, abs=1e-5)
    for threshold, empty in ((difference - 1e-3, True), (difference + 1e-3, False)):
        options = SpanOptions(null_threshold=threshold)
        (found,) = best_answers(windows, context, start, end, options)
        assert (found.start == found.end) == empty


@given(context=contexts(), seed=st.integers(0, 2**32 - 1), threshold=st.floats(-20, 20))
@settings(deadline=None)
def test_no_answer_by_the_rule_of_squad_2(
    tokenizer: Tokenizer, context: str, seed: int, threshold: float
) -> None:
    """run_squad.py: null when score_null - best non-null score > null_score_diff_threshold."""
    windows = make_windows(
        *(tokenizer, QUESTION, context, WindowOptions(doc_stride=5)), sequence_length=24
    )
    start, end = logits_like(windows, seed)
    options = SpanOptions(null_threshold=threshold)
    (found,) = best_answers(windows, context, start, end, options)
    score_null = slow_null_score(windows, start, end)
    best = max(slow_candidates(windows, windows.words.tolist(), start, end).values())
    assert (found.answer == "") == (score_null - best > threshold)


def peaked(
    windows: Windows, start: int, end: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Logits that favour the span at these positions in window 0."""
    logits = np.zeros((2, *windows.input_ids.shape), dtype=np.float32)
    logits[0, 0, start], logits[1, 0, end] = 50, 50
    return logits[0], logits[1]


def test_an_answer_is_never_in_the_question_or_the_padding(tokenizer: Tokenizer) -> None:
    context = "William led it."
    windows = make_windows(tokenizer, QUESTION, context, sequence_length=32)
    for position in [*range(windows.context_position), *range(windows.context_position + 4, 32)]:
        (answer,) = best_answers(windows, context, *peaked(windows, position, position))
        assert answer.score < 0.5


@pytest.mark.parametrize(
    ("context", "word"),
    [
        ("the cafe\u0301 opened", "cafe\u0301"),
        ("the \u0130stanbul road", "\u0130stanbul"),
        ("a \u2764\ufe0f b", "\u2764\ufe0f"),
        ("a \U0001f469\u200d\U0001f680 b", "\U0001f469\u200d\U0001f680"),
        ("x\t\t\u05e9\u05b8\u05dc\u05d5\u05b9\u05dd y", "\u05e9\u05b8\u05dc\u05d5\u05b9\u05dd"),
        ("a \U0001f44d\U0001f3fd b", "\U0001f44d\U0001f3fd"),
        ("he was unbelievably antidisestablishmentarian", "antidisestablishmentarian"),
    ],
)
def test_answers_are_whole_words(tokenizer: Tokenizer, context: str, word: str) -> None:
    windows = make_windows(tokenizer, QUESTION, context, sequence_length=48)
    start = context.index(word)
    token = int(np.flatnonzero(windows.offsets[:, 0] == start)[0])
    last = int(np.flatnonzero(windows.words == windows.words[token])[-1])
    position = windows.context_position
    peak = peaked(windows, position + token, position + last)
    (answer,) = best_answers(windows, context, *peak, SpanOptions(max_answer_len=1))
    assert (answer.answer, answer.start, answer.end) == (word, start, start + len(word))
    assert answer.score > 0.99


def test_scores_compare_across_windows(tokenizer: Tokenizer) -> None:
    """A window that is sure of nonsense must not outshine one with the higher logits."""
    context = "word " * 30
    windows = make_windows(
        *(tokenizer, QUESTION, context, WindowOptions(doc_stride=10)), sequence_length=18
    )
    start = np.zeros(windows.input_ids.shape, dtype=np.float32)
    end = start.copy()
    start[0, 8] = end[0, 8] = 2
    start[2, 9] = end[2, 9] = 6
    options = SpanOptions(top_k=2, max_answer_len=1)
    first, second = best_answers(windows, context, start, end, options)
    assert (first.start, second.start) == (5 * (20 + 9 - 7), 5 * (8 - 7))
    assert first.score / second.score == pytest.approx(math.exp(12 - 4))


def test_logits_of_the_wrong_shape_are_refused(tokenizer: Tokenizer) -> None:
    windows = make_windows(tokenizer, QUESTION, "William", sequence_length=32)
    right, wrong = np.zeros((1, 32), np.float32), np.zeros((1, 31), np.float32)
    with pytest.raises(LogitsError, match=r"\(1, 31\)"):
        best_answers(windows, "William", right, wrong)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_logits_that_are_not_finite_are_refused(tokenizer: Tokenizer, value: float) -> None:
    windows = make_windows(tokenizer, QUESTION, "William", sequence_length=32)
    start = np.zeros((1, 32), np.float32)
    end = start.copy()
    end[0, 31] = value  # padding: whatever stands there is not read
    assert best_answers(windows, "William", start, end)
    end[0, windows.context_position] = value
    with pytest.raises(LogitsError, match="not finite"):
        best_answers(windows, "William", start, end)


def test_a_hundred_windows(tokenizer: Tokenizer) -> None:
    context = "word " * 13_000
    windows = make_windows(tokenizer, QUESTION, context, sequence_length=384)
    assert len(windows) == 100
    start, end = logits_like(windows, 0)
    (answer,) = best_answers(windows, context, start, end)
    assert context[answer.start : answer.end] == answer.answer
