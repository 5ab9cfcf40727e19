"""A model file, loaded by the runtime that serves it."""

from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from onnxruntime import InferenceSession, get_available_providers

from embedded.backends.rows import compute_rows
from export.evaluator import load_reference
from export.fingerprint import library_versions
from export.parity import Logits, Model, Tensors
from export.variants import Variant
from qa.tensors import END_LOGITS, OUTPUTS, START_LOGITS

Backend = Callable[[Tensors], Logits]  # int32 [rows, sequence] to start and end, float32 likewise


def load_model(variant: Variant, path: Path) -> Model:
    """Return the model in ``path`` as a function from its inputs to its outputs, by name.

    What only a GPU can run is run by ONNX's reference evaluator.
    """
    if variant.format == "savedmodel":
        return _load_savedmodel(path)
    if variant.format == "openvino":
        return _load_openvino(path)
    return load_reference(path) if variant.device == "gpu" else _load_onnx(path)


def load_backend(variant: Variant, path: Path) -> Backend:
    """Return the model in ``path`` as a backend computes it: sorted by length, padding dropped."""
    model, step = load_model(variant, path), _length_step(variant)

    def backend(inputs: Tensors) -> Logits:
        return compute_rows(inputs, lambda trimmed: _pair(model(dict(trimmed))), step)

    return backend


def _length_step(variant: Variant) -> int:
    if variant.format != "openvino":
        return 1
    from embedded.backends.openvino_ir import LENGTH_STEP

    return LENGTH_STEP


def _pair(logits: Mapping[str, NDArray[np.float32]]) -> Logits:
    return logits[START_LOGITS], logits[END_LOGITS]


def runs_here(variant: Variant) -> bool:
    """Whether this machine can serve ``variant``."""
    return variant.device != "gpu" or "CUDAExecutionProvider" in get_available_providers()


def runtime_name(variant: Variant) -> str:
    """Return name and version of what ``load_model`` runs ``variant`` with."""
    if variant.device == "gpu":
        return f"onnx's reference evaluator {version('onnx')}"
    libraries = {
        "savedmodel": ("tensorflow-cpu", "tensorflow"),
        "onnx": ("onnxruntime",),
        "openvino": ("openvino",),
    }
    versions = library_versions()
    return next(
        f"{each} {versions[each]}" for each in libraries[variant.format] if each in versions
    )


def _load_openvino(path: Path) -> Model:
    from export.openvino_ir import load_openvino

    return load_openvino(path)


def _load_savedmodel(path: Path) -> Model:
    # only here: the import takes seconds, and the other formats do without
    from export.quiet import tf
    from export.savedmodel import SIGNATURE

    loaded = tf.saved_model.load(str(path))

    def model(inputs: Tensors) -> dict[str, NDArray[np.float32]]:
        tensors = {name: tf.constant(values) for name, values in inputs.items()}
        results = loaded.signatures[SIGNATURE](**tensors)
        return {name: results[name].numpy() for name in OUTPUTS}

    return model


def _load_onnx(path: Path) -> Model:
    session = InferenceSession(str(path), providers=["CPUExecutionProvider"])

    def model(inputs: Tensors) -> dict[str, NDArray[np.float32]]:
        return dict(zip(OUTPUTS, session.run(list(OUTPUTS), inputs), strict=True))

    return model
