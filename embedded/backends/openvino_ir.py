"""OpenVINO without its telemetry, and how it compiles an IR: alike to serve it and to prove it."""

import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

# `import openvino` reports itself to an analytics service, and nncf every call; both do without
# when the package that sends is not to be had
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]

import openvino  # noqa: E402

from embedded.backends.rows import ON_CPU  # noqa: E402

__all__ = ["CUTTING", "compile_ir", "openvino", "table_sizes"]

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


def compile_ir(path: Path, parameters: Mapping[str, str], threads: int) -> Any:
    """Return the compiled model of the IR ``path`` (an .xml with its .bin), for the CPU.

    ``threads`` is for when ``parameters`` has no INFERENCE_NUM_THREADS.
    """
    properties = {
        "INFERENCE_NUM_THREADS": str(threads),
        # Triton's and the gateway's threads want the same cores: a pinned thread waits for its own
        "ENABLE_CPU_PINNING": "NO",
        **properties_of(parameters),
    }
    return openvino.Core().compile_model(path, DEVICE, properties)


def table_sizes(path: Path) -> dict[str, int]:
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
