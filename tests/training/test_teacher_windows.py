"""Windows in the layout of any tokenizer: BERT's are those of serving."""

from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, pre_tokenizers, processors

from qa.windows import WindowError, Windows, make_windows
from training.errors import TrainingError
from training.teacher.windows import Layout, layout_of
from training.windows import answer_spans

TEXTS = st.lists(
    st.sampled_from(["in", "India,", "1960s", "(née)", "한국", "$5.5", "wasn't", "[SEP]", "a-b"]),
    min_size=1,
    max_size=60,
).map(" ".join)


def byte_level() -> Tokenizer:
    """Each byte is a token, and white space one of its own; RoBERTa's layout."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {token: at for at, token in enumerate(["<s>", "<pad>", "</s>", *alphabet])}
    tokenizer = Tokenizer(models.BPE(vocabulary, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0))
    return tokenizer


@pytest.fixture(scope="module")
def berts(tokenizer: Tokenizer) -> Layout:
    return layout_of(tokenizer, padding=0, unknown=100)


@given(TEXTS, TEXTS, st.integers(70, 160))
def test_berts_layout_is_that_of_serving(
    tokenizer: Tokenizer, berts: Layout, question: str, context: str, length: int
) -> None:
    served = make_windows(tokenizer, question, context, sequence_length=length)
    found = berts.windows(question, context, length)
    for field in fields(Windows):
        mine, theirs = getattr(found, field.name), getattr(served, field.name)
        np.testing.assert_array_equal(mine, theirs, err_msg=field.name)


@given(TEXTS)
def test_robertas_layout_has_two_separators(context: str) -> None:
    layout = layout_of(byte_level(), padding=1, unknown=-1)
    windows = layout.windows("who?", context, 60)
    assert layout.has_types is False
    for row, mask, length in zip(
        windows.input_ids, windows.attention_mask, windows.row_lengths, strict=True
    ):
        assert mask.sum() == length
        assert (row[length:] == 1).all()
        assert row[0] == 0
        assert np.flatnonzero(row[:length] == 2).tolist() == [5, 6, length - 1]
        assert windows.context_position == 7
    seen = {int(first) + at for first, n in zip(windows.firsts, windows.lengths, strict=True)
            for at in range(int(n))}  # fmt: skip
    assert seen == set(range(len(windows.offsets)))  # no token of the context is left out


@pytest.mark.parametrize("context", ["née “Ana” ", " a b  c. ", "😀\n", "5 cm"])
def test_a_span_of_bytes_has_no_white_space_at_its_ends(context: str) -> None:
    windows = layout_of(byte_level(), padding=1, unknown=-1).windows("who?", context, 60)
    for answer in context.split():
        spans = answer_spans(windows, context, [answer])
        assert spans
        for first, last in spans:
            text = context[windows.offsets[first, 0] : windows.offsets[last, 1]]
            assert text == answer


def test_what_has_no_room_is_refused() -> None:
    layout = layout_of(byte_level(), padding=1, unknown=-1)
    with pytest.raises(WindowError, match="question of 11 tokens leaves no room"):
        layout.windows("who is she?", "Ana", 15)
    with pytest.raises(WindowError, match="context holds no text"):
        layout.windows("who?", "", 15)


def test_another_layout_is_refused() -> None:
    tokenizer = byte_level()
    tokenizer.post_processor = processors.ByteLevel()
    with pytest.raises(TrainingError, match="puts a question and a context as a b; known is"):
        layout_of(tokenizer, padding=1, unknown=-1)
