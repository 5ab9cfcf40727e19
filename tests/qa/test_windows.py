from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from qa.squad import read_examples
from qa.windows import WindowError, WindowOptions, best_window, make_windows

QUESTION = "Who led the Norman conquest of England?"


def google_doc_spans(tokens: int, room: int, doc_stride: int) -> Iterator[tuple[int, int]]:
    """The loop of Google's run_squad.py, as it stands there."""
    start_offset = 0
    while start_offset < tokens:
        length = tokens - start_offset
        if length > room:
            length = room
        yield start_offset, length
        if start_offset + length == tokens:
            break
        start_offset += min(length, doc_stride)


def google_is_max_context(doc_spans: list[tuple[int, int]], current: int, position: int) -> bool:
    """Google's _check_is_max_context, as it stands there."""
    best_score: float | None = None
    best_span_index = None
    for span_index, (start, length) in enumerate(doc_spans):
        end = start + length - 1
        if position < start or position > end:
            continue
        num_left_context = position - start
        num_right_context = end - position
        score = min(num_left_context, num_right_context) + 0.01 * length
        if best_score is None or score > best_score:
            best_score = score
            best_span_index = span_index
    return current == best_span_index


@given(tokens=st.integers(1, 400), room_used=st.integers(1, 20), data=st.data())
@settings(deadline=None, max_examples=200)
def test_windows_follow_google(
    tokenizer: Tokenizer, tokens: int, room_used: int, data: st.DataObject
) -> None:
    sequence_length = data.draw(st.integers(room_used + 4, 64))
    room = sequence_length - 3 - room_used
    doc_stride = data.draw(st.integers(1, room))
    windows = make_windows(
        tokenizer,
        "a " * room_used,
        "b " * tokens,
        WindowOptions(doc_stride=doc_stride),
        sequence_length=sequence_length,
    )
    spans = list(google_doc_spans(tokens, room, doc_stride))
    assert list(zip(windows.firsts, windows.lengths, strict=True)) == spans
    best = best_window(windows)
    for window, (first, length) in enumerate(spans):
        for token in range(first, first + length):
            assert (best[token] == window) == google_is_max_context(spans, window, token)


def test_a_window_is_laid_out_as_bert_does(tokenizer: Tokenizer) -> None:
    windows = make_windows(tokenizer, "Who?", "William did.", sequence_length=12)
    tokens = [tokenizer.id_to_token(token) for token in windows.input_ids[0]]
    assert tokens == [
        *("[CLS]", "who", "?", "[SEP]", "william", "did", ".", "[SEP]"),
        *["[PAD]"] * 4,
    ]
    assert windows.attention_mask.tolist() == [[1] * 8 + [0] * 4]
    assert windows.token_type_ids.tolist() == [[0] * 4 + [1] * 4 + [0] * 4]
    assert windows.offsets.tolist() == [[0, 7], [8, 11], [11, 12]]
    for array in (windows.input_ids, windows.attention_mask, windows.token_type_ids):
        assert array.dtype == np.int32


def test_a_long_question_is_cut(tokenizer: Tokenizer) -> None:
    windows = make_windows(tokenizer, "who " * 1000, "William", sequence_length=384)
    assert windows.question_len == 64


@pytest.mark.parametrize("doc_stride", [0, -1, 374, 10**9])
def test_doc_stride_that_skips_context_is_refused(tokenizer: Tokenizer, doc_stride: int) -> None:
    with pytest.raises(WindowError, match=rf"doc_stride is {doc_stride}; it must be 1 to 373"):
        make_windows(
            *(tokenizer, QUESTION, "x", WindowOptions(doc_stride=doc_stride)), sequence_length=384
        )


@given(overlap=st.integers(0, 40), max_seq_len=st.integers(8, 40), tokens=st.integers(1, 100))
def test_an_overlap_is_what_two_windows_share(
    tokenizer: Tokenizer, overlap: int, max_seq_len: int, tokens: int
) -> None:
    options = WindowOptions(overlap=overlap, max_seq_len=max_seq_len)
    room = min(32, max_seq_len) - 4  # a question of one token
    if overlap >= room:
        with pytest.raises(WindowError, match=rf"an overlap of {overlap} .* less than {room},"):
            make_windows(tokenizer, "a", "b " * tokens, options, sequence_length=32)
        return
    windows = make_windows(tokenizer, "a", "b " * tokens, options, sequence_length=32)
    ends = windows.firsts + windows.lengths
    assert (ends[:-1] - windows.firsts[1:] == overlap).all()
    assert ends[-1] == tokens
    assert windows.input_ids.shape == (len(windows), 32)
    assert windows.attention_mask.sum(axis=1).max() <= max_seq_len


def test_the_default_doc_stride_fits_a_short_sequence(tokenizer: Tokenizer) -> None:
    assert make_windows(tokenizer, "a", "b " * 400, sequence_length=384).firsts.tolist() == [0, 128]
    assert make_windows(tokenizer, "a", "b " * 30, sequence_length=24).firsts.tolist() == [0, 20]


def test_the_largest_doc_stride_leaves_no_token_out(tokenizer: Tokenizer) -> None:
    options = WindowOptions(doc_stride=373)
    windows = make_windows(tokenizer, QUESTION, "word " * 1000, options, sequence_length=384)
    assert windows.lengths.sum() == 1000
    assert (best_window(windows) >= 0).all()


@pytest.mark.parametrize(("question", "context"), [("\u200b", "x"), ("x", "\u200b\u00ad")])
def test_text_that_tokenizes_to_nothing_is_refused(
    tokenizer: Tokenizer, question: str, context: str
) -> None:
    with pytest.raises(WindowError, match="holds no text"):
        make_windows(tokenizer, question, context, sequence_length=384)


def test_too_many_windows_are_refused_before_they_are_made(tokenizer: Tokenizer) -> None:
    texts, options = ("q", "w " * 480), WindowOptions(doc_stride=1)
    cut = partial(make_windows, tokenizer, *texts, options, sequence_length=384)
    assert len(cut(max_windows=101)) == 101
    with pytest.raises(WindowError, match="makes 101 windows, more than the 100 allowed"):
        cut(max_windows=100)


def test_no_room_for_context(tokenizer: Tokenizer) -> None:
    with pytest.raises(WindowError, match="leaves no room for context"):
        make_windows(tokenizer, "who " * 64, "x", sequence_length=67)


def test_dev_has_the_windows_that_mlperf_counts(tokenizer: Tokenizer, dataset: Path) -> None:
    """MLPerf Inference's BERT has 10,833 samples, made by the same rules."""
    examples = read_examples(dataset)
    assert len(examples) == 10_570
    assert (
        sum(
            len(make_windows(tokenizer, each.question, each.context, sequence_length=384))
            for each in examples
        )
        == 10_833
    )
