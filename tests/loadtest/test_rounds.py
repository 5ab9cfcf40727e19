"""A row of the table is made of its rounds."""

import pytest

from loadtest.batches.flop import ModelShape, window_flop
from loadtest.batches.rounds import Round, Subject, make_row
from loadtest.batches.triton import Statistics, split_between
from loadtest.result import TritonSplit

SHAPE = ModelShape(layers=1, hidden=4, intermediate=8, embedding=4)
SUBJECT = Subject("onnx_fp32", 2, 16, "squad", 1)


def test_a_row_adds_up_its_rounds() -> None:
    first = Round((10.0, 20.0), 0.03, 6, True, (16, 3, 5, 7), TritonSplit(1, 2, 3, 4), None)
    second = Round((40.0,), 0.05, 9, False, (16, 16), TritonSplit(4, 5, 6, 7), "interrupted")
    row = make_row(SUBJECT, [first, second], SHAPE, None, None)
    assert row.rounds == ((10.0, 20.0), (40.0,))
    assert row.throughput == pytest.approx(3 * 2 / 0.08)
    assert (row.warmup_batches, row.settled, row.real_tokens) == (15, False, 63)
    assert row.flop == sum(window_flop(SHAPE, length) for length in (16, 3, 5, 7, 16, 16))
    assert row.split == TritonSplit(2, 3, 4, 5)  # by batches: two of the first, one of the second


def test_a_row_without_tritons_statistics_has_no_split() -> None:
    cut = Round((10.0,), 0.01, 1, False, (16, 16), None, "interrupted")
    assert make_row(SUBJECT, [cut], SHAPE, None, None).split is None


def test_the_split_is_of_the_requests_between_two_moments() -> None:
    before = Statistics(10, (1_000_000, 0, 5_000_000, 0))
    after = Statistics(14, (3_000_000, 400_000, 25_000_000, 0))
    assert split_between(before, after) == TritonSplit(0.5, 0.1, 5.0, 0.0)
    assert split_between(after, after) is None
