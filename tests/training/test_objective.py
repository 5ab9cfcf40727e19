"""Batches and the losses on them, against the same by hand."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from training.batch import Batch, collate
from training.objective import distillation_loss, marginal_loss
from training.windows import TrainingWindow

# [CLS] q [SEP] a b c [SEP]; and one with two context tokens, without the answer
WINDOWS = [
    TrainingWindow(np.arange(1, 8, dtype=np.int32), 3, (3, 5), (4, 5)),
    TrainingWindow(np.arange(1, 7, dtype=np.int32), 3, (0,), (0,)),
]
READ = ([0, 3, 4, 5], [0, 3, 4])


@pytest.fixture
def batch() -> Batch:
    return collate(WINDOWS, torch.device("cpu"))


@pytest.fixture
def taught() -> Batch:
    """The same, with the log-probabilities of a teacher whose logits are ``_logits(2)``."""
    theirs = _logits(2)
    windows = [
        replace(
            window,
            teacher=np.stack([np.log(_share(each[row], read)) for each in theirs]).astype("f2"),
        )
        for row, (window, read) in enumerate(zip(WINDOWS, READ, strict=True))
    ]
    return collate(windows, torch.device("cpu"))


def _logits(seed: int) -> NDArray[np.float32]:
    logits: NDArray[np.float32] = (
        np.random.default_rng(seed).normal(size=(2, 2, 8)).astype(np.float32)
    )
    return 3 * logits


def _share(logits: NDArray[np.float32], positions: list[int]) -> NDArray[np.float64]:
    powers = np.exp(logits[positions].astype(np.float64))
    shares: NDArray[np.float64] = powers / powers.sum()
    return shares


def test_a_batch_is_padded_to_its_longest(batch: Batch) -> None:
    assert batch.input_ids.tolist() == [[1, 2, 3, 4, 5, 6, 7, 0], [1, 2, 3, 4, 5, 6, 0, 0]]
    assert batch.attention_mask.sum(1).tolist() == [7, 6]
    assert batch.token_type_ids.tolist() == [[0, 0, 0, 1, 1, 1, 1, 0], [0, 0, 0, 1, 1, 1, 0, 0]]
    assert [row.nonzero().flatten().tolist() for row in batch.read] == list(READ)


def test_marginal_loss_is_minus_the_log_of_the_share_of_the_right_positions(batch: Batch) -> None:
    start, end = _logits(0)
    by_hand = [
        np.log(sum(_share(start[0], READ[0])[[1, 3]])),
        np.log(sum(_share(end[0], READ[0])[[2, 3]])),
        np.log(_share(start[1], READ[1])[0]),
        np.log(_share(end[1], READ[1])[0]),
    ]
    loss = marginal_loss((torch.from_numpy(start), torch.from_numpy(end)), batch)
    assert float(loss) == pytest.approx(-np.mean(by_hand), rel=1e-5)


def test_distillation_is_the_divergence_from_the_teacher(taught: Batch) -> None:
    ours, theirs = _logits(1), _logits(2)
    by_hand = []
    for mine, teachers in zip(ours, theirs, strict=True):
        for row, read in enumerate(READ):
            p, q = _share(teachers[row] / 2, read), _share(mine[row] / 2, read)
            by_hand.append((p * np.log(p / q)).sum())
    start, end = torch.from_numpy(ours)
    loss = distillation_loss((start, end), taught, temperature=2.0)
    # the teacher is kept in float16
    assert float(loss) == pytest.approx(4 * np.mean(by_hand), rel=2e-3)


def test_without_a_teacher_there_is_no_distance_from_it(batch: Batch) -> None:
    start, end = map(torch.from_numpy, _logits(1))
    with pytest.raises(ValueError, match="no teacher"):
        distillation_loss((start, end), batch, temperature=2.0)


def test_positions_that_are_not_read_have_no_gradient(batch: Batch) -> None:
    start, end = (torch.from_numpy(each).requires_grad_() for each in _logits(3))
    marginal_loss((start, end), batch).backward()
    for gradient in (start.grad, end.grad):
        assert torch.equal(gradient != 0, batch.read)
