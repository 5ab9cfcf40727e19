"""The windows that are sent: full ones, and those of SQuAD."""

from pathlib import Path

import numpy as np
import pytest
from tokenizers import Tokenizer

from loadtest.batches.inputs import Rows, join, make_rows, read_examples, read_tokenizer
from loadtest.errors import LoadTestError
from qa.squad import SAMPLE, Example
from qa.windows import make_windows

LENGTH = 384


@pytest.fixture(scope="module")
def examples() -> list[Example]:
    return read_examples(SAMPLE)[:40]


def test_padded_windows_have_no_padding_and_differ(
    tokenizer: Tokenizer, examples: list[Example]
) -> None:
    rows = make_rows("padded", tokenizer, examples, LENGTH)
    assert set(rows.lengths) == {LENGTH}
    assert rows.input_ids.dtype == np.int32
    assert len(np.unique(rows.input_ids, axis=0)) == len(rows) > 1


def test_a_short_dataset_fills_windows_too(tokenizer: Tokenizer) -> None:
    rows = make_rows("padded", tokenizer, [Example("1", "Who?", "Rollo", ("Rollo",))], LENGTH)
    assert len(rows) > 0
    assert set(rows.lengths) == {LENGTH}


def test_squads_windows_are_those_of_its_questions_in_a_fixed_order(
    tokenizer: Tokenizer, examples: list[Example]
) -> None:
    plain = join(
        make_windows(tokenizer, each.question, each.context, sequence_length=LENGTH)
        for each in examples
    )
    rows = make_rows("squad", tokenizer, examples, LENGTH)
    again = make_rows("squad", tokenizer, examples, LENGTH)
    np.testing.assert_array_equal(rows.input_ids, again.input_ids)
    assert rows.lengths != plain.lengths
    for mine, theirs in zip(vars(rows).values(), vars(plain).values(), strict=True):
        assert sorted(map(bytes, mine)) == sorted(map(bytes, theirs))


@pytest.mark.parametrize(("count", "size"), [(5, 1), (5, 2), (5, 5), (5, 12)])
def test_batches_are_full_and_take_every_window(count: int, size: int) -> None:
    ids = np.arange(count, dtype=np.int32)[:, None]
    batches = list(Rows(ids, np.ones_like(ids), np.zeros_like(ids)).batches(size))
    assert {len(batch) for batch in batches} == {size}
    sent = np.concatenate([batch.input_ids[:, 0] for batch in batches])
    assert sent.tolist() == [number % count for number in range(len(sent))]
    assert set(sent) == set(range(count))


def test_a_dataset_or_tokenizer_that_is_not_one_is_refused(tmp_path: Path) -> None:
    malformed = tmp_path / "malformed.json"
    malformed.write_text('{"data": [{"paragraphs": [{"context": "x", "qas": [{}]}]}]}')
    with pytest.raises(LoadTestError, match=r"malformed.json: .*question|article"):
        read_examples(malformed)
    with pytest.raises(LoadTestError, match=r"missing\.json"):
        read_examples(tmp_path / "missing.json")
    with pytest.raises(LoadTestError, match="make export"):
        read_tokenizer(tmp_path / "tokenizer.json")
