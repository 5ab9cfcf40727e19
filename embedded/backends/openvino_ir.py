"""OpenVINO without its telemetry, and how it compiles an IR: alike to serve it and to prove it."""

import sys
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

# `import openvino` reports itself to an analytics service, and nncf every call; both do without
# when the package that sends is not to be had
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]

import openvino  # noqa: E402

from embedded.backends.lanes import Lanes, Model  # noqa: E402
from embedded.backends.rows import ON_CPU, Computation, RowError, compute_rows  # noqa: E402
from qa import tensors  # noqa: E402

__all__ = ["CUTTING", "compile_ir", "load_on_cpu", "openvino"]

DEVICE = "CPU"

#: OpenVINO makes kernels for each shape that it has not met: the first inference takes twice the
#: time, and the kernels stay, at megabytes a shape. So there are few lengths: multiples of this.
CUTTING = replace(ON_CPU, length_step=16)

_SAME_NAME = (
    "COMPILATION_NUM_THREADS",
    "INFERENCE_NUM_THREADS",
    "NUM_STREAMS",
    "PERFORMANCE_HINT",
)


def load_on_cpu(path: Path, parameters: Mapping[str, str], threads: int) -> Computation:
    """Return what computes a batch with the IR ``path``, as ``parameters`` of its config say.

    It takes the contract's inputs, int32 ``[rows, length]``, drops their padding, and returns start
    and end logits, float32 likewise; it raises RowError for a number that the model has no row
    for. ``threads`` and what is raised here are those of ``compile_ir``.
    """
    tables = _table_sizes(path)
    model, lanes = _request(compile_ir(path, parameters, threads), tables), None
    if streams := _stream_count(parameters, threads):
        compiled = compile_ir(path, {**parameters, "NUM_STREAMS": str(streams)}, threads)
        lanes = Lanes([_request(compiled, tables) for _ in range(streams)])
    return partial(compute_rows, model=model, cutting=CUTTING, lanes=lanes)


def _request(compiled: Any, table_sizes: Mapping[str, int]) -> Model:
    """Return an inference request of its own as a function."""
    request = compiled.create_infer_request()

    def run(
        inputs: Mapping[str, NDArray[np.int32]],
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        for name, rows in table_sizes.items():
            if (largest := inputs[name].max()) >= rows:
                raise RowError(f"{name} holds {largest}; the model's table has {rows} rows")
        # inputs are read where they are, and outputs copied: the next inference overwrites them
        results = request.infer(dict(inputs), share_inputs=True)
        return results[tensors.START_LOGITS], results[tensors.END_LOGITS]

    return run


def compile_ir(path: Path, parameters: Mapping[str, str], threads: int) -> Any:
    """Return the compiled model of the IR ``path`` (an .xml with its .bin), for the CPU.

    ``threads`` is for when ``parameters`` has no INFERENCE_NUM_THREADS. Raises as
    ``properties_of``.
    """
    properties = {
        "INFERENCE_NUM_THREADS": str(threads),
        # Triton's and the gateway's threads want the same cores: a pinned thread waits for its own
        "ENABLE_CPU_PINNING": "NO",
        **properties_of(parameters),
    }
    return openvino.Core().compile_model(path, DEVICE, properties)


def _stream_count(parameters: Mapping[str, str], threads: int) -> int:
    """Return how many streams of one thread each compute sub-batches side by side; 0 for none.

    They are as many as the threads of a single inference, of which ``threads`` is for when
    ``parameters`` has no INFERENCE_NUM_THREADS. A config that divides its threads by itself,
    with other NUM_STREAMS than 1, has none.
    """
    count = int(parameters.get("INFERENCE_NUM_THREADS", threads))
    return count if count > 1 and parameters.get("NUM_STREAMS") == "1" else 0


def _table_sizes(path: Path) -> dict[str, int]:
    """Return how many rows the tables have in which the IR looks up its inputs, by input.

    OpenVINO takes a row that is not there for zeros, where other runtimes refuse it.
    """
    gathers = (
        node
        for node in openvino.Core().read_model(path).get_ordered_ops()
        if node.get_type_name() == "Gather"
        and node.input_value(1).get_node().get_type_name() == "Parameter"
    )
    return {
        node.input_value(1).get_node().get_friendly_name(): node.get_input_shape(0)[0]
        for node in gathers
    }


def properties_of(parameters: Mapping[str, str]) -> dict[str, str]:
    """Return OpenVINO's properties for ``parameters``, as NVIDIA's backend understands them.

    Parameters that mean nothing for a model on the CPU with dynamic axes are passed over.
    Raises ValueError for a HINT_BF16 other than YES, as there.
    """
    properties = {name: parameters[name].upper() for name in _SAME_NAME if name in parameters}
    if (hint := parameters.get("HINT_BF16")) is not None:
        if hint.upper() != "YES":
            raise ValueError(f"parameter HINT_BF16 is {hint!r}; it can only be YES, or left out")
        properties["INFERENCE_PRECISION_HINT"] = "bf16"
    return properties
