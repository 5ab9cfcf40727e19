"""A model file, loaded by the runtime that serves it."""

from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from export.parity import Model, Tensors
from export.quiet import tf
from export.savedmodel import SIGNATURE
from export.variants import Format
from qa.tensors import OUTPUTS


def load_model(format: Format, path: Path) -> Model:  # noqa: A002
    """Return the model in ``path`` as a function from its inputs to its outputs, by name."""
    return _load_savedmodel(path) if format == "savedmodel" else _load_onnx(path)


def _load_savedmodel(path: Path) -> Model:
    loaded = tf.saved_model.load(str(path))

    def model(inputs: Tensors) -> dict[str, NDArray[np.float32]]:
        tensors = {name: tf.constant(values) for name, values in inputs.items()}
        results = loaded.signatures[SIGNATURE](**tensors)
        return {name: results[name].numpy() for name in OUTPUTS}

    return model


def _load_onnx(path: Path) -> Model:
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])

    def model(inputs: Tensors) -> dict[str, NDArray[np.float32]]:
        return dict(zip(OUTPUTS, session.run(list(OUTPUTS), inputs), strict=True))

    return model
