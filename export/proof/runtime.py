"""A model file, loaded by the runtime that serves it; no other is imported, as each is slow."""

import os
from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from embedded.backends import rows
from embedded.backends.providers import CPU, gpu_providers
from embedded.backends.rows import Cutting, compute_rows
from embedded.gpu import Gpu
from embedded.packages import ONNXRUNTIME, TENSORFLOW, library
from export.proof.parity import Model
from export.triton_config import OPENVINO_PARAMETERS, cuda_options, request_shape
from export.variants import Variant, variants_for_gpu
from export.windows import Logits, Tensors
from qa.tensors import END_LOGITS, OUTPUTS, START_LOGITS

Backend = Callable[[Tensors], Logits]  # int32 [rows, sequence] to start and end, float32 likewise


def load_model(variant: Variant, path: Path, gpu: Gpu | None = None) -> Model:
    """Return the model in ``path`` as a function from its inputs to its outputs, by name.

    It runs on ``gpu`` if there is one and the variant is meant for it. Without one, a variant
    that only a GPU can run is run by ONNX's reference evaluator. Raises RuntimeError when the GPU
    cannot be used.
    """
    if variant.format == "savedmodel":
        return _load_savedmodel(path)
    if variant.format == "openvino":
        return load_openvino(path)
    on_gpu = runs_on(variant, gpu)
    if variant.device == "gpu" and not on_gpu:
        return load_reference(path)
    return _load_onnx(variant, path, on_gpu)


def load_backend(
    variant: Variant, path: Path, sequence_length: int, gpu: Gpu | None = None
) -> Backend:
    """Return the model in ``path`` as a backend computes it: sorted by length, padding dropped."""
    model, cutting = load_model(variant, path, gpu), _cutting(variant, sequence_length, gpu)

    def backend(inputs: Tensors) -> Logits:
        return compute_rows(inputs, lambda trimmed: _pair(model(dict(trimmed))), cutting)

    return backend


def _cutting(variant: Variant, sequence_length: int, gpu: Gpu | None) -> Cutting:
    if runs_on(variant, gpu):
        return rows.on_gpu(request_shape(variant, sequence_length))
    if variant.format != "openvino":
        return rows.ON_CPU
    from embedded.backends.openvino_ir import cutting

    return cutting()


def _pair(logits: Mapping[str, NDArray[np.float32]]) -> Logits:
    return logits[START_LOGITS], logits[END_LOGITS]


def runs_on(variant: Variant, gpu: Gpu | None) -> bool:
    """Whether ``gpu`` is there and computes ``variant``."""
    return gpu is not None and variant in variants_for_gpu(gpu.capability)


def runs_here(variant: Variant, gpu: Gpu | None) -> bool:
    """Whether this machine, with ``gpu``, can serve ``variant``."""
    return variant.device != "gpu" or runs_on(variant, gpu)


def runtime_name(variant: Variant, gpu: Gpu | None) -> str:
    """Return name and version of what ``load_model`` runs ``variant`` with, and the GPU."""
    if runs_on(variant, gpu):
        assert gpu is not None  # noqa: S101 - for mypy
        return f"{library(ONNXRUNTIME)} on {gpu.name}"
    if variant.device == "gpu":
        return f"onnx's reference evaluator {version('onnx')}"
    if variant.format == "openvino":
        return f"openvino {version('openvino')}"
    return library(ONNXRUNTIME if variant.format == "onnx" else TENSORFLOW)


def load_reference(path: Path) -> Model:
    """Return the ONNX graph in ``path``, computed by ONNX's reference evaluator in numpy."""
    import onnx
    from onnx.reference import ReferenceEvaluator

    from export.proof.operators import OPERATORS

    evaluator = ReferenceEvaluator(onnx.load(path), new_ops=list(OPERATORS))
    return lambda inputs: dict(
        zip(OUTPUTS, evaluator.run(list(OUTPUTS), dict(inputs)), strict=True)
    )


def load_openvino(path: Path) -> Model:
    """Return the model of the IR ``path``, compiled as for serving."""
    from embedded.backends.openvino_ir import compile_ir

    threads = len(os.sched_getaffinity(0))
    request = compile_ir(path, OPENVINO_PARAMETERS, threads).create_infer_request()

    def model(inputs: Tensors) -> dict[str, NDArray[np.float32]]:
        results = request.infer(inputs)
        return {name: results[name] for name in OUTPUTS}

    return model


def _load_savedmodel(path: Path) -> Model:
    from export.graphs.savedmodel import SIGNATURE
    from export.tensorflow import tf

    loaded = tf.saved_model.load(str(path))

    def model(inputs: Tensors) -> dict[str, NDArray[np.float32]]:
        tensors = {name: tf.constant(values) for name, values in inputs.items()}
        results = loaded.signatures[SIGNATURE](**tensors)
        return {name: results[name].numpy() for name in OUTPUTS}

    return model


def _load_onnx(variant: Variant, path: Path, on_gpu: bool) -> Model:
    from embedded.backends.onnx_session import available_providers, open_session

    providers = [(CPU, dict[str, str]())]
    if on_gpu:
        providers = gpu_providers({"cuda": cuda_options(variant)}, "0", available_providers())
    session = open_session(path, providers, len(os.sched_getaffinity(0)))
    return lambda inputs: dict(zip(OUTPUTS, session(inputs), strict=True))
