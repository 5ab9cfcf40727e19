"""The batches of an epoch: full, of similar lengths, in a new order each time."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from training.batches import epoch_batches


@given(st.lists(st.integers(5, 384), max_size=300), st.integers(1, 9), st.integers(0, 5))
def test_an_epoch_has_each_window_once_in_full_batches(
    lengths: list[int], size: int, epoch: int
) -> None:
    batches = epoch_batches(np.array(lengths, dtype=np.int64), size, 1, epoch)
    assert len(batches) == len(lengths) // size
    numbers = [int(each) for batch in batches for each in batch]
    assert len(set(numbers)) == len(numbers) == len(batches) * size
    again = epoch_batches(np.array(lengths, dtype=np.int64), size, 1, epoch)
    assert [each.tolist() for each in again] == [each.tolist() for each in batches]


def test_a_batch_has_windows_of_similar_length_and_each_epoch_its_own_order() -> None:
    lengths = np.random.default_rng(0).integers(20, 384, 20_000)
    first, second = (epoch_batches(lengths, 32, 1, epoch) for epoch in (0, 1))
    padded = sum(lengths[batch].max() * len(batch) for batch in first)
    kept = sum(lengths[batch].sum() for batch in first)
    assert padded < 1.02 * kept
    assert [each.tolist() for each in first] != [each.tolist() for each in second]
    means = np.array([lengths[batch].mean() for batch in first])
    assert abs(np.corrcoef(means[:-1], means[1:])[0, 1]) < 0.2  # not from short to long
