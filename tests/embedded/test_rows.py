from collections.abc import Mapping

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from embedded.backends.rows import (
    ON_CPU,
    Cutting,
    RowError,
    check_rows,
    compute_rows,
    on_gpu,
    sub_batches,
)
from qa import tensors

Inputs = dict[str, NDArray[np.int32]]

PADDED = on_gpu(tensors.RequestShape(sequence_length=384, pad_to_multiple_of=64, max_rows=32))
PACKED = on_gpu(tensors.RequestShape(sequence_length=384, pad_to_multiple_of=384, max_rows=128))
SHARED = Cutting(length_step=16, most_tokens=640, most_padding=64)
CUTTINGS = [ON_CPU, PADDED, PACKED, SHARED]


def rows_of(lengths: list[int], sequence: int, seed: int = 0) -> Inputs:
    mask = (np.arange(sequence) < np.array(lengths)[:, None]).astype(np.int32)
    generator = np.random.default_rng(seed)
    ids = generator.integers(1, 1000, mask.shape, dtype=np.int32) * mask
    types = generator.integers(0, 2, mask.shape, dtype=np.int32) * mask
    return dict(zip(tensors.INPUTS, (ids, mask, types), strict=True))


def attentive(
    inputs: Mapping[str, NDArray[np.int32]],
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """A stand-in whose every output depends on the token, its place and the rest of its row."""
    ids = inputs[tensors.INPUT_IDS].astype(np.float32)
    mask = inputs[tensors.ATTENTION_MASK]
    whole = (ids * mask).sum(axis=1, keepdims=True)
    places = np.arange(ids.shape[1], dtype=np.float32)
    return ids + whole + places, ids - whole + inputs[tensors.TOKEN_TYPE_IDS]


@given(
    lengths=st.lists(st.integers(0, 60), min_size=1, max_size=150),
    seed=st.integers(0, 2**32 - 1),
    cutting=st.sampled_from(CUTTINGS),
)
@settings(deadline=None)
def test_every_row_gets_its_own_logits(lengths: list[int], seed: int, cutting: Cutting) -> None:
    inputs = rows_of(lengths, 60, seed)
    start, end = compute_rows(inputs, attentive, cutting)
    assert start.shape == end.shape == (len(lengths), 60)
    assert start.dtype == end.dtype == np.float32
    for row, length in enumerate(lengths):
        alone = {name: array[row : row + 1, :length] for name, array in inputs.items()}
        for got, expected in zip((start[row], end[row]), attentive(alone), strict=True):
            assert np.array_equal(got[:length], expected[0])
            assert (got[length:] == tensors.PADDING_LOGIT).all()


def test_padding_is_not_computed() -> None:
    computed = runs([384, 100, 0, 384, 100] * 20, Cutting(most_tokens=4000, most_padding=0))
    assert computed == [(10, 384)] * 4 + [(40, 100)]


def test_lengths_are_multiples_of_the_step_or_the_whole_sequence() -> None:
    computed: set[int] = set()

    def noting(
        inputs: Mapping[str, NDArray[np.int32]],
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        computed.add(inputs[tensors.INPUT_IDS].shape[1])
        return attentive(inputs)

    inputs = rows_of([1, 31, 32, 33, 97, 100] * 40, 100)
    stepped = compute_rows(inputs, noting, Cutting(length_step=32, most_tokens=1000))
    assert computed == {32, 64, 100}
    for found, expected in zip(stepped, compute_rows(inputs, attentive), strict=True):
        assert np.array_equal(found, expected)


@given(st.lists(st.integers(0, 384), max_size=600), st.sampled_from(CUTTINGS))
@settings(deadline=None)
def test_sub_batches_hold_every_row_with_tokens_once(lengths: list[int], cutting: Cutting) -> None:
    array = np.array(lengths, dtype=np.int64)
    groups = list(sub_batches(array, cutting))
    found = sorted(int(row) for group in groups for row in group)
    assert found == [row for row, length in enumerate(lengths) if length]
    for group in groups:
        width = -(-array[group].max() // cutting.length_step) * cutting.length_step
        most, padding, least = cutting.most_tokens, cutting.most_padding, cutting.least_tokens
        assert len(group) == 1 or most is None or len(group) * width <= most
        assert padding is None or width - array[group].min() < padding + cutting.length_step
        assert group is groups[-1] or least is None or len(group) * width >= least


def runs(lengths: list[int], cutting: Cutting) -> list[tuple[int, int]]:
    """The rows and the width of every run of a batch."""
    computed: list[tuple[int, int]] = []

    def noting(
        inputs: Mapping[str, NDArray[np.int32]],
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        rows, width = inputs[tensors.INPUT_IDS].shape
        computed.append((rows, width))
        return attentive(inputs)

    compute_rows(rows_of(lengths, 384), noting, cutting)
    return computed


def test_a_gpu_computes_a_batch_of_one_length_whole() -> None:
    assert runs([384] * 256, PADDED) == [(256, 384)]
    assert runs([100, 120, 128] * 100, PADDED) == [(300, 128)]


def test_a_cpu_computes_each_window_alone_the_longest_first() -> None:
    assert runs([200, 384, 60, 384], ON_CPU) == [(1, 384), (1, 384), (1, 200), (1, 60)]


def test_rows_of_about_one_length_share_an_inference_as_far_as_the_cache_goes() -> None:
    assert runs([170] * 5, SHARED) == [(3, 176), (2, 176)]
    assert runs([384, 320, 300, 230, 100, 100], SHARED) == [(1, 384), (2, 320), (1, 240), (2, 112)]
    assert runs([384], SHARED) == [(1, 384)]


def test_a_packed_graph_gets_every_batch_whole() -> None:
    assert runs([384, 100, 20] * 40, PACKED) == [(120, 384)]


def test_a_gpu_computes_few_tokens_at_once_and_many_by_length() -> None:
    assert runs([384, 300, 100, 20], PADDED) == [(4, 384)]
    many = [384] * 20 + [200] * 30 + [60] * 100
    assert runs(many, PADDED) == [(20, 384), (30, 256), (100, 64)]


def test_rows_that_keep_the_contract_pass() -> None:
    check_rows(rows_of([5, 0, 8], 8), 8)


@pytest.mark.parametrize(
    ("row", "message"),
    [([0, 1, 1, 0], "padding is on the right"), ([1, 0, 1, 0], "right"), ([2, 1, 0, 0], "right")],
)
def test_a_mask_with_a_hole_is_refused(row: list[int], message: str) -> None:
    inputs = rows_of([4], 4) | {tensors.ATTENTION_MASK: np.array([row], dtype=np.int32)}
    with pytest.raises(RowError, match=message):
        check_rows(inputs, 384)


@pytest.mark.parametrize("name", [tensors.INPUT_IDS, tensors.TOKEN_TYPE_IDS])
def test_negative_numbers_are_refused(name: str) -> None:
    inputs = rows_of([4], 4)
    inputs[name][0, 1] = -1
    with pytest.raises(RowError, match=f"{name} holds -1, which is negative"):
        check_rows(inputs, 384)


def test_rows_longer_than_the_model_takes_are_refused() -> None:
    with pytest.raises(RowError, match="rows have 385 tokens; at most 384 are allowed"):
        check_rows(rows_of([5], 385), 384)


@pytest.mark.parametrize("wrong", [np.zeros((1, 5), np.int32), np.zeros((1, 4), np.int64)])
def test_wrong_shapes_and_types_are_refused(wrong: NDArray[np.int32]) -> None:
    with pytest.raises(RowError, match=r"not int32 \[rows, length\]"):
        check_rows(rows_of([4], 4) | {tensors.TOKEN_TYPE_IDS: wrong}, 384)
