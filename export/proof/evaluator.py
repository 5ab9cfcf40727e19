"""An ONNX file, evaluated in numpy: for the graphs that no runtime of this machine can load."""

from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx.reference import ReferenceEvaluator

from export.proof.operators import OPERATORS
from export.proof.parity import Model
from export.windows import Tensors
from qa.tensors import OUTPUTS


def load_reference(path: Path) -> Model:
    """Return the graph in ``path`` as a function from its inputs to its outputs, by name."""
    evaluator = ReferenceEvaluator(onnx.load(path), new_ops=list(OPERATORS))

    def model(inputs: Tensors) -> dict[str, NDArray[np.float32]]:
        return dict(zip(OUTPUTS, evaluator.run(list(OUTPUTS), dict(inputs)), strict=True))

    return model
