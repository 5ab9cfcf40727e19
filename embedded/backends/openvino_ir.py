"""OpenVINO without its telemetry, and how it runs an IR: the same to serve it and to check it."""

import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

# `import openvino` reports to an analytics service, and nncf reports every call; without the
# package that sends, neither does
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]

import openvino  # noqa: E402

from embedded.backends.lanes import Inputs, Lanes, Logits, Model  # noqa: E402
from embedded.backends.rows import Computation, Cutting, RowError, compute_rows  # noqa: E402
from embedded.cpu import read_l2_bytes  # noqa: E402
from qa import tensors  # noqa: E402

__all__ = ["compile_ir", "cutting", "load_on_cpu", "openvino"]

DEVICE = "CPU"

#: OpenVINO makes kernels for each new shape: its first inference takes twice as long, and the
#: kernels keep megabytes of memory. Lengths are multiples of 16, so that there are few shapes.
LENGTH_STEP = 16

#: An inference takes as long as if it had some 75 more tokens, however many it has. So rows share
#: one, unless a row would get nearly as much padding (docs/performance.md).
MOST_PADDING = 64

#: What a feed-forward block hands on for each token: 1,536 values in bf16, in the bundled model.
#: Rows share an inference only as long as that fits into a core's second-level cache.
BYTES_OF_A_TOKEN = 3072

_SAME_NAME = (
    "COMPILATION_NUM_THREADS",
    "INFERENCE_NUM_THREADS",
    "NUM_STREAMS",
    "PERFORMANCE_HINT",
)


def load_on_cpu(path: Path, parameters: Mapping[str, str], threads: int) -> Computation:
    """Return what computes a batch with the IR ``path``, as ``parameters`` of its config say.

    It takes the contract's inputs, int32 ``[rows, length]``, and returns start and end logits,
    float32 ``[rows, length]``. It raises RowError for an id beyond the model's tables.
    ``threads`` and the errors raised here are those of ``compile_ir``.
    """
    tables = _table_sizes(path)
    model, lanes = _request(compile_ir(path, parameters, threads), tables), None
    if streams := _stream_count(parameters, threads):
        compiled = compile_ir(path, {**parameters, "NUM_STREAMS": str(streams)}, threads)
        lanes = Lanes([_request(compiled, tables) for _ in range(streams)])
    return partial(compute_rows, model=model, cutting=cutting(), lanes=lanes)


def cutting() -> Cutting:
    """Return how batches are cut for a core of this CPU."""
    return Cutting(
        length_step=LENGTH_STEP,
        most_tokens=read_l2_bytes() // BYTES_OF_A_TOKEN,
        most_padding=MOST_PADDING,
    )


def _request(compiled: Any, table_sizes: Mapping[str, int]) -> Model:
    """Return a function that runs an inference request of its own."""
    request = compiled.create_infer_request()

    def run(inputs: Inputs) -> tuple[Logits, Logits]:
        for name, rows in table_sizes.items():
            if (largest := inputs[name].max()) >= rows:
                raise RowError(f"{name} holds {largest}; the model's table has {rows} rows")
        # inputs are shared; outputs are copied, as the next inference overwrites them
        results = request.infer(dict(inputs), share_inputs=True)
        return results[tensors.START_LOGITS], results[tensors.END_LOGITS]

    return run


def compile_ir(path: Path, parameters: Mapping[str, str], threads: int) -> Any:
    """Return the compiled model of the IR ``path`` (an .xml with its .bin), for the CPU.

    ``threads`` count unless ``parameters`` has INFERENCE_NUM_THREADS. Raises ValueError for a
    HINT_BF16 other than YES, as NVIDIA's backend does.
    """
    properties = {
        "INFERENCE_NUM_THREADS": str(threads),
        # Triton's and the gateway's threads use the same cores: a pinned thread waits for its own
        "ENABLE_CPU_PINNING": "NO",
        **_properties(parameters),
    }
    return openvino.Core().compile_model(path, DEVICE, properties)


def _stream_count(parameters: Mapping[str, str], threads: int) -> int:
    """Return how many streams of one thread each compute sub-batches side by side; 0 for none.

    There is one for each thread of an inference, if the config has NUM_STREAMS 1; with another
    number it divides the threads by itself.
    """
    count = int(parameters.get("INFERENCE_NUM_THREADS", threads))
    return count if count > 1 and parameters.get("NUM_STREAMS") == "1" else 0


def _table_sizes(path: Path) -> dict[str, int]:
    """Return how many rows each embedding table of the IR has, by the input that is looked up.

    OpenVINO reads a row beyond the table as zeros; other runtimes refuse it.
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


def _properties(parameters: Mapping[str, str]) -> dict[str, str]:
    """Return OpenVINO's properties for ``parameters``, as NVIDIA's backend understands them.

    Parameters that mean nothing for a model with dynamic axes on the CPU are ignored.
    """
    properties = {name: parameters[name].upper() for name in _SAME_NAME if name in parameters}
    if (hint := parameters.get("HINT_BF16")) is not None:
        if hint.upper() != "YES":
            raise ValueError(f"parameter HINT_BF16 is {hint!r}; it can only be YES, or left out")
        properties["INFERENCE_PRECISION_HINT"] = "bf16"
    return properties
