"""ONNX files, written one weight at a time, so that writing takes little memory.

A file is the graph and, after it, each weight as a model of its own that holds nothing else.
Protocol Buffers merge messages that follow each other ("Message merging",
protobuf.dev/programming-guides/encoding), so a reader sees one model with all weights.
"""

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray

from export.checkpoint.reader import Checkpoint
from export.graphs.graph_weights import graph_weight

LARGEST_FILE = 2**31 - 1  # bytes; Protocol Buffers read no larger message
EXTERNAL_SUFFIX = ".data"
_ALIGNMENT = 4096  # a page, so that runtimes can map the file into memory
_BYTES: dict[int, int] = {onnx.TensorProto.FLOAT: 4, onnx.TensorProto.FLOAT16: 2}  # of an element


def is_empty(tensor: onnx.TensorProto) -> bool:
    """Whether ``tensor`` has a name and a shape, but no values yet."""
    return not any(field.name.endswith("_data") for field, _ in tensor.ListFields())


def write_onnx(
    graph: onnx.ModelProto, checkpoint: Checkpoint, path: Path, largest_file: int = LARGEST_FILE
) -> None:
    """Write ``graph`` with the weights of ``checkpoint``, each in the dtype that the graph says.

    If the file would have more than ``largest_file`` bytes, the weights go into another one
    beside it, named as ``path`` with ``.data`` appended.
    """
    bare = onnx.ModelProto()
    bare.CopyFrom(graph)
    empty = [each for each in graph.graph.initializer if is_empty(each)]
    kept = [each for each in graph.graph.initializer if not is_empty(each)]
    del bare.graph.initializer[:]
    bare.graph.initializer.extend(kept)
    size = sum(_size(each) for each in empty)
    write = _write_inside if size + bare.ByteSize() < largest_file else _write_beside
    with path.open("wb") as file:
        file.write(bare.SerializeToString())
        for tensor in write(empty, checkpoint, path):
            file.write(
                onnx.ModelProto(graph=onnx.GraphProto(initializer=[tensor])).SerializeToString()
            )


def _size(tensor: onnx.TensorProto) -> int:
    elements: int = math.prod(tensor.dims)
    return elements * _BYTES[tensor.data_type]


def _content(tensor: onnx.TensorProto, checkpoint: Checkpoint) -> bytes:
    values = graph_weight(checkpoint, tensor.name)
    if tensor.data_type == onnx.TensorProto.FLOAT16:
        return to_float16(values).tobytes()
    return values.tobytes()


def to_float16(values: NDArray[np.float32]) -> NDArray[np.float16]:
    """Return ``values`` in float16; those beyond its range become its largest number."""
    largest = np.finfo(np.float16).max
    return values.clip(-largest, largest).astype(np.float16)


def _write_inside(
    tensors: list[onnx.TensorProto], checkpoint: Checkpoint, _: Path
) -> Iterator[onnx.TensorProto]:
    for each in tensors:
        tensor = onnx.TensorProto(name=each.name, dims=each.dims, data_type=each.data_type)
        tensor.raw_data = _content(each, checkpoint)
        yield tensor


def _write_beside(
    tensors: list[onnx.TensorProto], checkpoint: Checkpoint, path: Path
) -> Iterator[onnx.TensorProto]:
    beside = path.with_name(path.name + EXTERNAL_SUFFIX)
    with beside.open("wb") as file:
        for each in tensors:
            file.seek(-file.tell() % _ALIGNMENT, 1)
            tensor = onnx.TensorProto(name=each.name, dims=each.dims, data_type=each.data_type)
            tensor.data_location = onnx.TensorProto.EXTERNAL
            entries = {"location": beside.name, "offset": file.tell(), "length": _size(each)}
            for key, value in entries.items():
                tensor.external_data.add(key=key, value=str(value))
            file.write(_content(each, checkpoint))
            yield tensor
