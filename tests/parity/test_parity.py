"""Parity with Hugging Face: logits that torch computed, and ours, of random models.

``make test-parity`` gives a folder of fresh models (``--parity``); without it, one golden model
stands for them all. tests/export has the others.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from export.checkpoint.reader import Checkpoint, read_checkpoint
from export.graphs.onnx_file import write_onnx
from export.graphs.onnx_graph import fused_graph
from export.graphs.savedmodel import write_savedmodel
from export.proof.reference import reference_logits
from export.proof.runtime import load_model
from export.variants import variant_named
from qa.tensors import ATTENTION_MASK, END_LOGITS, INPUT_IDS, INPUTS, START_LOGITS, TOKEN_TYPE_IDS

GOLDEN = Path(__file__).parents[1] / "export" / "golden" / "uncommon"
TOLERANCE = 1e-4

Arrays = dict[str, NDArray[np.float32]]
Inputs = dict[str, NDArray[np.int32]]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    folder: Path | None = metafunc.config.getoption("--parity")
    folders = sorted(folder.iterdir()) if folder else [GOLDEN]
    assert folders, f"{folder} is empty"
    metafunc.parametrize("folder", folders, ids=[each.name for each in folders])


def from_reference(checkpoint: Checkpoint, inputs: Inputs, _: Path) -> Arrays:
    start, end = np.zeros((2, *inputs[INPUT_IDS].shape), np.float32)
    for row, length in enumerate(inputs[ATTENTION_MASK].sum(axis=1)):
        start[row, :length], end[row, :length] = reference_logits(
            checkpoint.config,
            checkpoint.weights,
            inputs[INPUT_IDS][row, :length],
            inputs[TOKEN_TYPE_IDS][row, :length],
        )
    return {START_LOGITS: start, END_LOGITS: end}


def from_onnx(checkpoint: Checkpoint, inputs: Inputs, folder: Path) -> Arrays:
    write_onnx(fused_graph(checkpoint.config), checkpoint, folder / "model.onnx")
    return load_model(variant_named("onnx_fp32"), folder / "model.onnx")(inputs)


def from_savedmodel(checkpoint: Checkpoint, inputs: Inputs, folder: Path) -> Arrays:
    write_savedmodel(checkpoint, folder / "model.savedmodel")
    return load_model(variant_named("savedmodel_fp32"), folder / "model.savedmodel")(inputs)


@pytest.mark.parametrize("compute", [from_reference, from_onnx, from_savedmodel])
def test_logits_are_those_of_hugging_face(
    folder: Path,
    compute: Callable[[Checkpoint, Inputs, Path], Arrays],
    tmp_path: Path,
) -> None:
    with np.load(folder / "logits.npz", allow_pickle=False) as arrays:
        found = compute(read_checkpoint(folder), {name: arrays[name] for name in INPUTS}, tmp_path)
        for name in (START_LOGITS, END_LOGITS):
            real = arrays[ATTENTION_MASK] == 1
            longest = arrays[name][0][real[0]]
            assert longest.std() > 0.1, "all tokens have about the same logit: this proves nothing"
            difference = np.abs(found[name] - arrays[name])[real].max()
            print(f"{name}: largest difference {difference:.1e}")
            assert difference < TOLERANCE
