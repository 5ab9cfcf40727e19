"""The weights as the graphs take them: dense kernels ``[in, out]``, made one at a time.

Names are those of ``export.checkpoint.weights``, and ``…attention.self.qkv.weight`` and ``.bias``
for a layer's query, key and value side by side, as ONNX Runtime's fused attention takes them.
"""

import math

import numpy as np
from numpy.typing import NDArray

from export.checkpoint.config import ElectraConfig
from export.checkpoint.reader import Checkpoint
from export.checkpoint.weights import Shape, weight_shapes

#: sqrt(head size), by which attention scores are divided. A weight like the others, because
#: TensorFlow turns the division by a constant into a multiplication, which ONNX Runtime's
#: attention fusion does not recognise.
SCALE = "attention.scale"
QKV = ".self.qkv."
PARTS = (".self.query.", ".self.key.", ".self.value.")


def graph_shapes(config: ElectraConfig) -> dict[str, Shape]:
    """Return the name and shape of every weight of the plain graph."""
    shapes = {
        name: shape[::-1] if is_kernel(name) else shape
        for name, shape in weight_shapes(config).items()
    }
    return shapes | {SCALE: ()}


def graph_shape(config: ElectraConfig, name: str) -> Shape:
    """Return the shape of one weight of the plain or the fused graph."""
    if QKV in name:
        *rows, columns = graph_shapes(config)[name.replace(QKV, PARTS[0])]
        return (*rows, len(PARTS) * columns)
    return graph_shapes(config)[name]


def is_kernel(name: str) -> bool:
    """Whether ``name`` is the matrix of a dense layer; all others stay as they are on disk."""
    return name.endswith(".weight") and not (
        ".LayerNorm." in name or name.startswith("embeddings.")
    )


def graph_weight(checkpoint: Checkpoint, name: str) -> NDArray[np.float32]:
    """Return one weight, float32 and contiguous; raises KeyError for an unknown name."""
    if name == SCALE:
        return np.asarray(math.sqrt(checkpoint.config.head_size), np.float32)
    if QKV in name:
        parts = [graph_weight(checkpoint, name.replace(QKV, part)) for part in PARTS]
        return np.concatenate(parts, axis=-1)
    values = checkpoint.weights[name]
    return np.ascontiguousarray(values.T if is_kernel(name) else values)
