"""Lanes: when they are faster, and that nothing is lost in them."""

import threading
from collections.abc import Mapping

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from embedded.backends.lanes import Lanes
from embedded.backends.rows import ON_CPU, Cutting, compute_rows
from tests.embedded.test_rows import CUTTINGS, attentive, rows_of

PAIR = Lanes([attentive, attentive])


@pytest.mark.parametrize(
    ("shapes", "lone"),
    [
        ([], 0),
        ([(1, 200)], 1),  # one window: all threads compute it
        ([(1, 200)] * 2, 0),
        ([(1, 200)] * 3, 1),  # 0.6 + 1 is less than 2 in one lane, and than 3 * 0.6
        ([(1, 200)] * 4, 0),
        ([(1, 200)] * 5, 1),
        ([(1, 384), (1, 60)], 2),  # one lane would wait for the other
        ([(1, 384), (1, 60), (1, 60)], 1),
        ([(1, 384), (1, 200), (1, 200)], 0),
        ([(2, 128), (1, 240)], 0),  # what counts is all tokens of a sub-batch
    ],
)
def test_lanes_share_what_they_end_together(shapes: list[tuple[int, int]], lone: int) -> None:
    assert PAIR.lone(shapes) == lone


def test_many_cores_compute_few_windows_together() -> None:
    many = Lanes([attentive] * 16)
    assert many.lone([(1, 384)] * 2) == 2  # 14 of 16 cores would idle
    assert many.lone([(1, 384)] * 16) == 0


@given(
    lengths=st.lists(st.integers(0, 60), min_size=1, max_size=60),
    cutting=st.sampled_from(CUTTINGS),
)
@settings(deadline=None)
def test_each_row_gets_the_same_logits_in_lanes(lengths: list[int], cutting: Cutting) -> None:
    inputs = rows_of(lengths, 60)
    found = compute_rows(inputs, attentive, cutting, PAIR)
    for side_by_side, alone in zip(found, compute_rows(inputs, attentive, cutting), strict=True):
        assert np.array_equal(side_by_side, alone)


@given(
    lengths=st.lists(st.integers(0, 60), min_size=1, max_size=60),
    cutting=st.sampled_from(CUTTINGS),
    lanes=st.sampled_from([PAIR, None]),
)
@settings(deadline=None)
def test_each_row_is_told_of_once_with_its_logits(
    lengths: list[int], cutting: Cutting, lanes: Lanes | None
) -> None:
    told: list[int] = []
    logits: dict[int, tuple[NDArray[np.float32], NDArray[np.float32]]] = {}

    def done(rows: NDArray[np.int64], start: NDArray[np.float32], end: NDArray[np.float32]) -> None:
        for row in rows.tolist():
            told.append(row)
            logits[row] = start[row].copy(), end[row].copy()

    start, end = compute_rows(rows_of(lengths, 60), attentive, cutting, lanes, done=done)
    assert sorted(told) == [row for row, length in enumerate(lengths) if length]
    for row, (its_start, its_end) in logits.items():
        assert np.array_equal(its_start, start[row])
        assert np.array_equal(its_end, end[row])


def test_two_lanes_compute_at_the_same_time() -> None:
    both = threading.Barrier(2, timeout=30)  # two pass it together, or none does

    def meeting(
        inputs: Mapping[str, NDArray[np.int32]],
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        both.wait()
        return attentive(inputs)

    lanes = Lanes([meeting, meeting])
    compute_rows(rows_of([50, 50], 50), attentive, ON_CPU, lanes)


def test_each_lane_gets_a_part_of_what_could_be_one_sub_batch() -> None:
    computed: list[tuple[int, ...]] = []

    def noting(
        inputs: Mapping[str, NDArray[np.int32]],
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        computed.append(inputs["input_ids"].shape)
        return attentive(inputs)

    compute_rows(rows_of([50] * 4, 50), attentive, Cutting(most_tokens=200), Lanes([noting] * 2))
    assert computed == [(2, 50), (2, 50)]


def test_a_fault_in_one_lane_is_raised_when_the_others_have_ended() -> None:
    computed: list[int] = []

    def failing(
        _: Mapping[str, NDArray[np.int32]],
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        raise RuntimeError("out of memory")

    def counting(
        inputs: Mapping[str, NDArray[np.int32]],
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        computed.append(1)
        return attentive(inputs)

    lanes = Lanes([failing, counting])
    with pytest.raises(RuntimeError, match="out of memory"):
        compute_rows(rows_of([50] * 6, 50), attentive, ON_CPU, lanes)
    assert len(computed) == 5  # all but the one that failed
