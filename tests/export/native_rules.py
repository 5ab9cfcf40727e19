"""The rules by which NVIDIA's native backends check a model's config against its graph.

From the sources of release 24.10 (the same in 23.01 and 25.02), without auto-complete:

- onnxruntime_backend, ``src/onnxruntime.cc``, ``ValidateInputs`` and ``ValidateOutputs``, and
  ``CompareDimsSupported`` in ``src/onnxruntime_utils.cc``;
- tensorflow_backend, ``src/tensorflow.cc``, ``ValidateTRITONTF_SavedModel``, and ``CompareDims`` in
  ``src/tensorflow_utils.cc``: the same rules;
- core, ``src/backend_model_instance.cc``, ``GenerateWarmupData``: a warm-up has all inputs, each of
  its dimensions is a number, and its file holds the bytes of at least one row.

OpenVINO's configs must meet the same rules, for the backend that replaces the native one. The
native one needs lengths in the outputs and batches of one size (openvino_backend,
``src/openvino.cc``, ``ValidateOutputs`` and ``ProcessRequests``), so it serves no such model.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path

import onnx
from tritonclient.grpc import model_config_pb2 as triton

from embedded.backends.openvino_ir import openvino
from export.triton_config import WARMUP

ANY = -1  # a dimension of any size
BYTES = {triton.TYPE_INT32: 4, triton.TYPE_FP32: 4}


@dataclass(frozen=True)
class Tensor:
    """An input or an output of a graph."""

    dtype: int  # as in Triton's DataType
    shape: tuple[int, ...]  # including the batch


@dataclass(frozen=True)
class Graph:
    """What a native backend reads of a model file."""

    inputs: Mapping[str, Tensor]
    outputs: Mapping[str, Tensor]


def broken_rules(config: triton.ModelConfig, graph: Graph, folder: Path) -> Iterator[str]:
    """Yield what a native backend would refuse, or could not warm up, of the model in ``folder``.

    The config must be complete: without auto-complete, nothing is filled in.
    """
    if config.max_batch_size < 1:
        yield "max_batch_size is not given"
    if len(config.input) != len(graph.inputs):
        yield f"the config has {len(config.input)} inputs, the graph {len(graph.inputs)}"
    if not config.output:
        yield "the config has no output"
    for each in config.input:
        yield from _broken(each, graph.inputs, exact=False)
    for each in config.output:
        yield from _broken(each, graph.outputs, exact=True)
    for warmup in config.model_warmup:
        yield from _broken_warmup(warmup, config, folder / WARMUP)


def _broken(
    tensor: triton.ModelInput | triton.ModelOutput, graph: Mapping[str, Tensor], *, exact: bool
) -> Iterator[str]:
    found = graph.get(tensor.name)
    if found is None:
        yield f"{tensor.name} is not in the graph, which has {', '.join(graph)}"
        return
    if tensor.data_type != found.dtype:
        yield f"{tensor.name} has another data type than in the graph"
    if not found.shape or found.shape[0] != ANY:
        yield f"{tensor.name}: the graph does not batch"
    wanted = (ANY, *tensor.dims)
    same = len(wanted) == len(found.shape) and all(
        of_graph == of_config or (of_graph == ANY and not exact)
        for of_graph, of_config in zip(found.shape, wanted, strict=True)
    )
    if not same:
        yield f"{tensor.name}: the model expects {found.shape}, the config specifies {wanted}"


def _broken_warmup(
    warmup: triton.ModelWarmup, config: triton.ModelConfig, folder: Path
) -> Iterator[str]:
    inputs = {each.name: each for each in config.input}
    if not 1 <= warmup.batch_size <= config.max_batch_size or set(warmup.inputs) != set(inputs):
        yield f"warm-up {warmup.name!r} is not a request to the model"
        return
    for name, given in warmup.inputs.items():
        if min(given.dims) < 1:
            yield f"warm-up {warmup.name!r} leaves a dimension of {name} open"
            continue
        allowed = inputs[name].dims
        if len(given.dims) != len(allowed) or any(
            of_config not in (ANY, size)
            for of_config, size in zip(allowed, given.dims, strict=False)
        ):
            yield f"warm-up {warmup.name!r} has another shape of {name} than the config"
        size = prod(given.dims) * BYTES[given.data_type]
        if (folder / given.input_data_file).stat().st_size < size:
            yield f"warm-up {warmup.name!r} has too little data for {name}"


def read_onnx(path: Path) -> Graph:
    """Read the inputs and outputs of an ONNX file."""
    dtypes = {onnx.TensorProto.INT32: triton.TYPE_INT32, onnx.TensorProto.FLOAT: triton.TYPE_FP32}
    graph = onnx.load(path, load_external_data=False).graph

    def read(tensors: object) -> dict[str, Tensor]:
        return {
            each.name: Tensor(
                dtypes[each.type.tensor_type.elem_type],
                tuple(
                    axis.dim_value if axis.HasField("dim_value") else ANY
                    for axis in each.type.tensor_type.shape.dim
                ),
            )
            for each in tensors  # type: ignore[attr-defined]
        }

    return Graph(read(graph.input), read(graph.output))


def read_savedmodel(path: Path) -> Graph:
    """Read the inputs and outputs of a SavedModel's ``serving_default`` signature."""
    from tensorflow.core.framework import types_pb2  # takes seconds to import
    from tensorflow.core.protobuf import saved_model_pb2

    dtypes = {types_pb2.DT_INT32: triton.TYPE_INT32, types_pb2.DT_FLOAT: triton.TYPE_FP32}
    saved = saved_model_pb2.SavedModel.FromString((path / "saved_model.pb").read_bytes())
    signature = saved.meta_graphs[0].signature_def["serving_default"]

    def read(tensors: Mapping[str, object]) -> dict[str, Tensor]:
        return {
            name: Tensor(
                dtypes[each.dtype],  # type: ignore[attr-defined]
                tuple(axis.size for axis in each.tensor_shape.dim),  # type: ignore[attr-defined]
            )
            for name, each in tensors.items()
        }

    return Graph(read(signature.inputs), read(signature.outputs))


def read_openvino(path: Path) -> Graph:
    """Read the inputs and outputs of an OpenVINO IR."""
    dtypes = {"i32": triton.TYPE_INT32, "f32": triton.TYPE_FP32}
    model = openvino.Core().read_model(path)

    def read(tensors: object) -> dict[str, Tensor]:
        return {
            each.get_any_name(): Tensor(
                dtypes[each.get_element_type().get_type_name()],
                tuple(
                    axis.get_length() if axis.is_static else ANY
                    for axis in each.get_partial_shape()
                ),
            )
            for each in tensors  # type: ignore[attr-defined]
        }

    return Graph(read(model.inputs), read(model.outputs))


READERS = {"onnx": read_onnx, "savedmodel": read_savedmodel, "openvino": read_openvino}
