"""The operations of a window, against a count of every matrix product."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.batches.flop import ModelShape, read_config, window_flop, windows_flop
from loadtest.errors import LoadTestError
from tests.conftest import CHECKPOINT

SIZES = st.integers(1, 64)


def product(rows: int, inner: int, columns: int) -> int:
    """The multiplications and additions of ``[rows, inner] @ [inner, columns]``."""
    return 2 * rows * inner * columns


@given(st.integers(1, 384), st.integers(1, 4), SIZES, SIZES, SIZES, st.integers(1, 4))
def test_every_product_is_counted_once(
    tokens: int, layers: int, head: int, intermediate: int, embedding: int, heads: int
) -> None:
    hidden = head * heads
    total = 0 if embedding == hidden else product(tokens, embedding, hidden)
    for _ in range(layers):
        total += 4 * product(tokens, hidden, hidden)  # query, key, value, output
        for _ in range(heads):
            total += product(tokens, head, tokens)  # scores
            total += product(tokens, tokens, head)  # values by them
        total += product(tokens, hidden, intermediate) + product(tokens, intermediate, hidden)
    total += product(tokens, hidden, 2)
    assert window_flop(ModelShape(layers, hidden, intermediate, embedding), tokens) == total


def test_electra_base_by_hand() -> None:
    # 12 * (24 * 384 * 768^2 + 4 * 384^2 * 768) + 4 * 384 * 768; no projection
    base = ModelShape(layers=12, hidden=768, intermediate=3072, embedding=768)
    assert window_flop(base, 384) == 12 * (5_435_817_984 + 452_984_832) + 1_179_648


def test_attention_grows_with_the_square_of_a_windows_own_length() -> None:
    shape = ModelShape(layers=2, hidden=8, intermediate=16, embedding=8)
    halves = windows_flop(shape, [100, 100])
    assert window_flop(shape, 200) - halves == 2 * 4 * 8 * (200**2 - 2 * 100**2)


def test_the_shape_is_that_of_the_checkpoint() -> None:
    assert read_config(CHECKPOINT / "config.json") == ModelShape(6, 384, 1536, 384)


@pytest.mark.parametrize("content", ["{}", "[]", "not JSON", '{"num_hidden_layers": "many"}'])
def test_what_is_no_config_is_refused_by_name(tmp_path: Path, content: str) -> None:
    path = tmp_path / "config.json"
    path.write_text(content)
    with pytest.raises(LoadTestError, match=str(path)):
        read_config(path)
    with pytest.raises(LoadTestError, match="missing"):
        read_config(tmp_path / "missing.json")


def test_a_config_without_an_embedding_size_has_that_of_the_hidden_layers(tmp_path: Path) -> None:
    config = {"num_hidden_layers": 1, "hidden_size": 4, "intermediate_size": 8}
    path = tmp_path / "config.json"
    path.write_text(json.dumps(config))
    assert read_config(path) == ModelShape(1, 4, 8, 4)
