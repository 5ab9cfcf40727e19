"""The weights of an ELECTRA question answering model: which tensors there are, and their reader.

Names are Hugging Face's without the ``electra.`` prefix; dense kernels are ``[out, in]``.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import ml_dtypes  # noqa: F401  (by it numpy, and so safetensors, knows bfloat16)
import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from export.config import ElectraConfig
from export.errors import ExportError

FILE_NAME = "model.safetensors"
PREFIX = "electra."
DTYPES = ("F16", "BF16", "F32")

Weights = Mapping[str, NDArray[np.float32]]
Shape = tuple[int, ...]


def weight_shapes(config: ElectraConfig) -> dict[str, Shape]:
    """Return the name and shape of every tensor that the model computes with."""
    embedding, hidden, inner = config.embedding_size, config.hidden_size, config.intermediate_size
    shapes: dict[str, Shape] = {
        "embeddings.word_embeddings.weight": (config.vocab_size, embedding),
        "embeddings.position_embeddings.weight": (config.max_position_embeddings, embedding),
        "embeddings.token_type_embeddings.weight": (config.type_vocab_size, embedding),
        **_layer_norm("embeddings.LayerNorm", embedding),
    }
    if config.has_projection:
        shapes |= _dense("embeddings_project", embedding, hidden)
    for number in range(config.num_hidden_layers):
        layer = f"encoder.layer.{number}"
        for name in ("query", "key", "value"):
            shapes |= _dense(f"{layer}.attention.self.{name}", hidden, hidden)
        shapes |= _dense(f"{layer}.attention.output.dense", hidden, hidden)
        shapes |= _layer_norm(f"{layer}.attention.output.LayerNorm", hidden)
        shapes |= _dense(f"{layer}.intermediate.dense", hidden, inner)
        shapes |= _dense(f"{layer}.output.dense", inner, hidden)
        shapes |= _layer_norm(f"{layer}.output.LayerNorm", hidden)
    return shapes | _dense("qa_outputs", hidden, 2)


def _dense(name: str, inputs: int, outputs: int) -> dict[str, Shape]:
    return {f"{name}.weight": (outputs, inputs), f"{name}.bias": (outputs,)}


def _layer_norm(name: str, size: int) -> dict[str, Shape]:
    return {f"{name}.weight": (size,), f"{name}.bias": (size,)}


def read_weights(path: Path, config: ElectraConfig) -> tuple[Weights, tuple[str, ...]]:
    """Read a safetensors file: the model's tensors as float32, and the names of all others.

    Raises ExportError when the file is damaged, when tensors are missing, have another shape or
    dtype than the config asks for, or hold NaN or infinity.
    """
    try:
        with safe_open(path, framework="numpy") as file:
            names = {name.removeprefix(PREFIX): name for name in file.keys()}  # noqa: SIM118
            shapes = weight_shapes(config)
            _check_present(path, names, shapes)
            weights = {name: _read(path, file, names[name], shapes[name]) for name in shapes}
    except (SafetensorError, OSError) as error:
        raise ExportError(
            f"{path} is truncated or not a safetensors file ({error}); copy or save it again"
        ) from error
    return weights, tuple(stored for name, stored in names.items() if name not in shapes)


def _check_present(path: Path, names: Iterable[str], shapes: Mapping[str, Shape]) -> None:
    missing = [name for name in shapes if name not in set(names)]
    if missing:
        shown = ", ".join(missing[:5]) + (", ..." if len(missing) > 5 else "")
        hint = (
            "; it has no question answering head: fine-tune it on SQuAD first"
            if all(name.startswith("qa_outputs") for name in missing)
            else ""
        )
        raise ExportError(f"{path} lacks {len(missing)} of {len(shapes)} tensors: {shown}{hint}")


def _read(path: Path, file: Any, name: str, expected: Shape) -> NDArray[np.float32]:
    stored = file.get_slice(name)
    if (found := tuple(stored.get_shape())) != expected:
        raise ExportError(
            f"{path}: tensor {name} is {list(found)}; by config.json it should be {list(expected)}"
        )
    if (dtype := stored.get_dtype()) not in DTYPES:
        raise ExportError(
            f"{path}: tensor {name} is {dtype}; it must be one of {', '.join(DTYPES)}"
        )
    values: NDArray[np.float32] = file.get_tensor(name).astype(np.float32)
    if not np.isfinite(values).all():
        raise ExportError(f"{path}: tensor {name} holds NaN or infinity; the training diverged")
    return values
