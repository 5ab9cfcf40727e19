"""The reader of TensorFlow checkpoints, Google's and NVIDIA's.

Only the index and the tensors are read; no model code runs. TensorFlow is imported lazily, as its
import is slow.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from export.checkpoint.config import MODEL_TYPE, ElectraConfig, config_of
from export.checkpoint.errors import CheckpointError
from export.checkpoint.json_file import read_json
from export.checkpoint.tensorflow_files import CONFIGS, config_file
from export.checkpoint.tensorflow_names import Naming, Stored, count_layers, is_bookkeeping, naming
from export.checkpoint.weights import Shape, Weights, as_float32, check_present, weight_shapes

HEAD_SIZE = 64  # in all of Google's models (get_bert_config in its util/training_utils.py)

_DTYPES = ("float16", "bfloat16", "float32")


@dataclass(frozen=True)
class TensorFlowCheckpoint:
    """What a checkpoint holds, in this project's terms."""

    config: ElectraConfig
    weights: Weights
    ignored: tuple[str, ...]  # variables that the model does not use, but for the optimizer's
    notices: tuple[str, ...]


def read_tensorflow(prefix: Path) -> TensorFlowCheckpoint:
    """Read and check the variables of ``prefix``.

    The sizes come from the tensors. The number of attention heads, which no tensor shows, comes
    from a config beside the checkpoint, or else is hidden size / 64. Raises CheckpointError for
    anything that would not give a correct model.
    """
    from export.tensorflow import tf

    try:
        reader = tf.train.load_checkpoint(str(prefix))
        shapes: dict[str, Shape] = {
            name: tuple(shape) for name, shape in reader.get_variable_to_shape_map().items()
        }
        rule = naming(prefix, shapes)
        config, notices = _config(prefix, rule, shapes)
        expected = weight_shapes(config)
        variables = _variables(rule, expected)
        _check_shapes(prefix, shapes, variables)
        weights = {name: _read(prefix, reader, rule(name)) for name in expected}
    except (tf.errors.OpError, IndexError) as error:  # IndexError: a file that is too short
        reason = str(error).splitlines()[0]
        raise CheckpointError(
            f"{prefix} is truncated or damaged ({reason}); copy it again"
        ) from error
    others = sorted(shapes.keys() - variables.keys())
    ignored = tuple(name for name in others if not is_bookkeeping(name))
    if len(others) > len(ignored):
        notices.append(f"ignored {len(others) - len(ignored)} variables of the training itself")
    return TensorFlowCheckpoint(config, weights, ignored, tuple(notices))


def _config(
    prefix: Path, rule: Naming, shapes: Mapping[str, Shape]
) -> tuple[ElectraConfig, list[str]]:
    sizes = _sizes(prefix, rule, shapes)
    path = config_file(prefix)
    values = read_json(path) if path else {}
    for key, size in sizes.items():
        # NVIDIA pads the vocabulary to a multiple of 8 (its run_pretraining.py)
        if key != "vocab_size" and values.get(key, size) != size:
            raise CheckpointError(
                f"{path}: {key} is {values[key]!r}; by the tensors of {prefix.name} it is {size}"
            )
    heads = {"num_attention_heads": max(1, sizes["hidden_size"] // HEAD_SIZE)}
    notices = []
    if heads.keys() - values.keys():
        notices.append(
            f"{prefix.name} does not say its number of attention heads, taken to be "
            f"{heads['num_attention_heads']} (hidden size / {HEAD_SIZE}, as in all of Google's "
            f"models); if that is wrong, put a {CONFIGS[0]} with num_attention_heads beside it"
        )
    known = {"model_type": MODEL_TYPE} | heads | values | sizes
    return config_of(path or prefix, known), notices


def _sizes(prefix: Path, rule: Naming, shapes: Mapping[str, Shape]) -> dict[str, int]:
    names = [
        *(f"embeddings.{kind}_embeddings.weight" for kind in ("word", "position", "token_type")),
        "encoder.layer.0.intermediate.dense.weight",
    ]
    variables = {rule(name).names[0]: () for name in names}
    check_present(prefix, shapes, variables)
    for name in variables:
        if len(shapes[name]) != 2:
            raise CheckpointError(f"{prefix}: {name} is {list(shapes[name])}; it must be a matrix")
    word, position, token_type, intermediate = (shapes[name] for name in variables)
    return {
        "vocab_size": word[0],
        "embedding_size": word[1],
        "hidden_size": intermediate[0],
        "num_hidden_layers": count_layers(shapes),
        "intermediate_size": intermediate[1],
        "max_position_embeddings": position[0],
        "type_vocab_size": token_type[0],
    }


def _variables(rule: Naming, expected: Mapping[str, Shape]) -> dict[str, Shape]:
    """Return the name and shape of each variable that the tensors ``expected`` are made from."""
    variables = {}
    for name, shape in expected.items():
        stored = rule(name)
        *outer, last = shape[::-1] if stored.transposed else shape
        for part in stored.names:
            variables[part] = (*outer, last // len(stored.names))
    return variables


def _check_shapes(
    prefix: Path, shapes: Mapping[str, Shape], variables: Mapping[str, Shape]
) -> None:
    check_present(prefix, shapes, variables)
    for name, shape in variables.items():
        if shapes[name] != shape:
            raise CheckpointError(
                f"{prefix}: tensor {name} is {list(shapes[name])}; by the other tensors it should "
                f"be {list(shape)}"
            )


def _read(prefix: Path, reader: Any, stored: Stored) -> NDArray[np.float32]:
    parts = []
    for name in stored.names:
        values = reader.get_tensor(name)
        if values.dtype.name not in _DTYPES:
            raise CheckpointError(
                f"{prefix}: tensor {name} is {values.dtype}; it must be one of {', '.join(_DTYPES)}"
            )
        parts.append(as_float32(prefix, name, values))
    whole = parts[0] if len(parts) == 1 else np.concatenate(parts, axis=-1)
    return np.ascontiguousarray(whole.T) if stored.transposed else whole
