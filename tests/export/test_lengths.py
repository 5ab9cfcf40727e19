"""A variant whose logits depend on the length of its rows is refused."""

import numpy as np
import pytest
from numpy.typing import NDArray

from export.errors import ExportError
from export.proof.lengths import check_lengths
from export.proof.parity import Model
from export.windows import Tensors
from qa.tensors import ATTENTION_MASK, INPUTS, OUTPUTS

WINDOW: Tensors = {name: np.ones((1, 64), np.int32) for name in INPUTS}


def model(*, wrong_at: int = 0, by: float = 0.0) -> Model:
    """Logits that rise from token to token, with ``by`` added to some at one length."""

    def run(inputs: Tensors) -> dict[str, NDArray[np.float32]]:
        length = inputs[ATTENTION_MASK].shape[1]
        logits = np.arange(length, dtype=np.float32)[None]
        logits[:, ::2] += by if length == wrong_at else 0
        return dict.fromkeys(OUTPUTS, logits)

    return run


def test_equal_logits_pass() -> None:
    check_lengths(model(), WINDOW)


def test_a_little_rounding_passes() -> None:
    check_lengths(model(wrong_at=32, by=0.1), WINDOW)


@pytest.mark.parametrize(
    ("length", "named"), [(16, "16 tokens .* to 32"), (32, "16 .* 32"), (64, "48 .* 64")]
)
@pytest.mark.parametrize("by", [20.0, float("nan")])
def test_a_wrong_length_is_named(length: int, named: str, by: float) -> None:
    with pytest.raises(ExportError, match=f"the logits of {named}, by"):
        check_lengths(model(wrong_at=length, by=by), WINDOW)


def test_a_window_of_one_step_has_nothing_to_compare() -> None:
    check_lengths(model(wrong_at=16, by=5), {name: each[:, :16] for name, each in WINDOW.items()})
