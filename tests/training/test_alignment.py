"""A distribution that is moved to other tokens by characters: nothing is lost or made."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer

from training.teacher.alignment import (
    IMPOSSIBLE,
    Offsets,
    log_probabilities,
    move_ends,
    move_starts,
)

CHARACTERS = st.text(st.sampled_from("ab éß한ﬁ😀.\u0301 \n"), min_size=1, max_size=30)


@st.composite
def segmentations(draw: st.DrawFn) -> Offsets:
    """Tokens in a text of 30 characters: some in gaps, some several of one character."""
    edges = sorted(draw(st.sets(st.integers(0, 30), min_size=2, max_size=12)))
    tokens = []
    for start, end in pairwise(edges):
        count = draw(st.integers(0, 3)) if end == start + 1 else draw(st.integers(0, 1))
        tokens += [(start, end)] * count
    return np.array(tokens, dtype=np.int64).reshape(-1, 2)


def logits_for(data: st.DataObject, tokens: int) -> np.ndarray:  # type: ignore[type-arg]
    numbers = st.floats(-30, 30, width=32)
    return np.array(data.draw(st.lists(numbers, min_size=tokens, max_size=tokens)), dtype="f4")


@given(segmentations(), segmentations(), st.data())
def test_the_total_is_1(theirs: Offsets, ours: Offsets, data: st.DataObject) -> None:
    start, end = (logits_for(data, 1 + len(theirs)) for _ in range(2))
    found = log_probabilities(start, end, theirs, ours)
    assert found.shape == (2, 1 + len(ours))
    assert found.dtype == np.float16
    assert np.exp(found.astype(np.float64)).sum(1) == pytest.approx([1, 1], abs=2e-3)


@given(segmentations(), st.data())
def test_the_same_tokens_give_back_the_same(tokens: Offsets, data: st.DataObject) -> None:
    start, end = (logits_for(data, 1 + len(tokens)) for _ in range(2))
    found = log_probabilities(start, end, tokens, tokens)
    for row, logits in zip(found, (start, end), strict=True):
        powers = np.exp(logits.astype(np.float64))
        np.testing.assert_allclose(row, np.log(powers / powers.sum()), rtol=1e-3, atol=1e-3)


@given(CHARACTERS, st.data())
def test_the_same_tokenizer_gives_back_the_same(
    tokenizer: Tokenizer, text: str, data: st.DataObject
) -> None:
    offsets = tokenizer.encode(text, add_special_tokens=False).offsets
    tokens = np.array(offsets, dtype=np.int64).reshape(-1, 2)
    shares = np.exp(logits_for(data, len(tokens)).astype(np.float64))
    assert move_starts(shares, tokens, tokens) == pytest.approx(shares)
    assert move_ends(shares, tokens, tokens) == pytest.approx(shares)


@pytest.mark.parametrize(
    ("theirs", "ours", "starts", "ends"),
    [
        # theirs are longer: what starts in our second token has no place of its own
        ([(0, 6)], [(0, 3), (3, 6)], [1, 0], [0, 1]),
        # theirs are shorter, and meet
        ([(0, 3), (3, 6)], [(0, 6)], [3], [3]),
        # they overlap
        ([(0, 2), (2, 5), (6, 8)], [(0, 3), (3, 8)], [3, 4], [1, 6]),
        # two of theirs are made of one character, as bytes are; three of ours
        ([(0, 1), (0, 1), (1, 2)], [(0, 1), (1, 2)], [3, 4], [3, 4]),
        ([(0, 1), (0, 1)], [(0, 1), (0, 1), (0, 1)], [1, 2, 0], [0, 1, 2]),
        # our tokenizer drops the first character, and theirs has a token without any
        ([(0, 1), (1, 1), (1, 2)], [(1, 2)], [4], [4]),
        ([(5, 6)], [(0, 1)], [0], [0]),
    ],
)  # fmt: skip
def test_a_token_goes_where_its_first_or_last_character_is(
    theirs: list[tuple[int, int]],
    ours: list[tuple[int, int]],
    starts: list[int],
    ends: list[int],
) -> None:
    shares = np.array([1.0, 2.0, 4.0][: len(theirs)])
    tokens, own = (np.array(each, dtype=np.int64) for each in (theirs, ours))
    assert move_starts(shares, tokens, own).tolist() == starts
    assert move_ends(shares, tokens, own).tolist() == ends


def test_what_has_no_place_is_left_out_and_no_answer_stays_first() -> None:
    logits = np.log(np.array([0.2, 0.3, 0.5], dtype="f4"))
    theirs, ours = np.array([[0, 2], [9, 10]]), np.array([[0, 1], [1, 2]])
    start, end = log_probabilities(logits, logits, theirs, ours)
    assert np.exp(start[:2].astype("f8")) == pytest.approx([0.4, 0.6], rel=1e-3)
    assert np.exp(end[[0, 2]].astype("f8")) == pytest.approx([0.4, 0.6], rel=1e-3)
    assert start[2] == end[1] == IMPOSSIBLE
