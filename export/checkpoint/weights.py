"""The weights of an ELECTRA question answering model: which tensors there are, and their reader.

Names are Hugging Face's without the ``electra.`` prefix; dense kernels are ``[out, in]``.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ml_dtypes  # noqa: F401  (it teaches numpy, and so safetensors, bfloat16)
import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from export.checkpoint.config import ElectraConfig
from export.checkpoint.errors import CheckpointError
from export.checkpoint.json_file import read_json
from export.checkpoint.weight_names import describe, model_name, shared_prefix, uncounted

FILE_NAME = "model.safetensors"
INDEX = "model.safetensors.index.json"
DTYPES = ("F16", "BF16", "F32")

Weights = Mapping[str, NDArray[np.float32]]
Shape = tuple[int, ...]


@dataclass(frozen=True)
class FoundWeights:
    """The weights that files hold."""

    weights: Weights
    ignored: tuple[str, ...]  # tensors that the model does not use, by their names in the files
    prefix: str  # that all names began with, and that was removed


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


def weight_files(folder: Path) -> list[Path]:
    """Return ``model.safetensors`` or, if there is none, the index and the shards that it names.

    Raises CheckpointError when a shard is missing.
    """
    if (path := folder / FILE_NAME).is_file():
        return [path]
    index = folder / INDEX
    shards = _shards(index)
    for shard in shards:
        if not shard.is_file():
            raise CheckpointError(f"checkpoint {folder} has no {shard.name}, which {INDEX} names")
    return [index, *shards]


def _shards(index: Path) -> list[Path]:
    names = read_json(index).get("weight_map")
    if not isinstance(names, dict) or not names:
        raise CheckpointError(f"{index} has no weight_map, which says what file a tensor is in")
    for name in names.values():
        if not isinstance(name, str) or Path(name).name != name:
            raise CheckpointError(f"{index} names the file {name!r}, which is not a file beside it")
    return [index.with_name(name) for name in sorted(set(names.values()))]


def read_weights(folder: Path, config: ElectraConfig, architectures: str = "") -> FoundWeights:
    """Read safetensors: the model's tensors as float32, and the names of all others.

    A prefix that all names share, such as ``module.``, is removed.

    ``architectures`` are the classes that ``config.json`` names, for the message when the head
    is not there. Raises CheckpointError when a file is damaged, when tensors are missing, have
    another shape or dtype than the config asks for, or hold NaN or infinity.
    """
    files = [path for path in weight_files(folder) if path.name != INDEX]
    whole = files[0] if len(files) == 1 else folder / INDEX
    found, prefix = _named(files)
    if surplus := uncounted(found, config):
        raise CheckpointError(f"{whole} has {surplus} in config.json; they are not of one model")
    shapes = weight_shapes(config)
    check_present(whole, found, shapes, architectures)
    weights = {}
    for path in files:
        with _opened(path) as file:
            for name, shape in shapes.items():
                if found[name][0] == path:
                    weights[name] = _read(path, file, found[name][1], shape)
    ignored = tuple(stored for name, (_, stored) in found.items() if name not in shapes)
    return FoundWeights(weights, ignored, prefix)


def _named(files: Sequence[Path]) -> tuple[dict[str, tuple[Path, str]], str]:
    """Return where each tensor is, by the model's name for it, and the prefix of all names."""
    stored: list[tuple[Path, str]] = []
    for path in files:
        with _opened(path) as file:
            stored += ((path, name) for name in file.keys())  # noqa: SIM118
    prefix = shared_prefix([name for _, name in stored])
    found: dict[str, tuple[Path, str]] = {}
    for path, name in stored:
        known = model_name(name, prefix)
        if known in found:
            raise CheckpointError(
                f"{path}: {name} and {found[known][1]} of {found[known][0].name} are the same "
                f"tensor of the model; save it again, with one of them"
            )
        found[known] = (path, name)
    return found, prefix


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    try:
        with safe_open(path, framework="numpy") as file:
            yield file
    except (SafetensorError, OSError) as error:
        raise CheckpointError(
            f"{path} is truncated or not a safetensors file ({error}); copy or save it again"
        ) from error


def check_present(
    path: Path, found: Mapping[str, object], shapes: Mapping[str, Shape], architectures: str = ""
) -> None:
    """Raise CheckpointError, naming them, when ``path`` lacks tensors of ``shapes``."""
    missing = [name for name in shapes if name not in found]
    if missing:
        shown = ", ".join(missing[:5]) + (", ..." if len(missing) > 5 else "")
        hint = ""
        if all(name.startswith("qa_outputs") for name in missing):
            hint = (
                f"; {architectures or 'it'} has no question answering head: fine-tune it on SQuAD "
                f"first"
            )
        elif not any(name in found for name in shapes if not name.startswith("qa_outputs")):
            hint = f"; {describe(found)}"
        raise CheckpointError(
            f"{path} lacks {len(missing)} of {len(shapes)} tensors: {shown}{hint}"
        )


def _read(path: Path, file: Any, name: str, expected: Shape) -> NDArray[np.float32]:
    stored = file.get_slice(name)
    if (found := tuple(stored.get_shape())) != expected:
        raise CheckpointError(
            f"{path}: tensor {name} is {list(found)}; by config.json it should be {list(expected)}"
        )
    if (dtype := stored.get_dtype()) not in DTYPES:
        raise CheckpointError(
            f"{path}: tensor {name} is {dtype}; it must be one of {', '.join(DTYPES)}"
        )
    return as_float32(path, name, file.get_tensor(name))


def as_float32(path: Path, name: str, values: NDArray[Any]) -> NDArray[np.float32]:
    """Return ``values`` in float32; raise CheckpointError when they hold NaN or infinity."""
    converted: NDArray[np.float32] = values.astype(np.float32, copy=False)
    if not np.isfinite(converted).all():
        raise CheckpointError(f"{path}: tensor {name} holds NaN or infinity; the training diverged")
    return converted
