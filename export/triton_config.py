"""Triton's ``config.pbtxt`` of a variant, with the reason for each number beside it."""

import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
from google.protobuf import text_format  # type: ignore[import-untyped]
from tritonclient.grpc import model_config_pb2 as triton

from export.variants import CONFIG, Variant
from qa.tensors import INPUTS, OUTPUTS, RequestShape

FREE = -1  # a dimension of any size
WARMUP = "warmup"  # the folder in which Triton looks for a warm-up request's data
WARMUP_FILE = "ones"

_KINDS = {
    "any": triton.ModelInstanceGroup.KIND_AUTO,
    "cpu": triton.ModelInstanceGroup.KIND_CPU,
    "gpu": triton.ModelInstanceGroup.KIND_GPU,
}

# why each field is what it is, by its path in the message
_COMMENTS = {
    "max_batch_size": "rows of a batch: those of one full request. More would only take more "
    "memory in a native backend",
    "input": "int32, right-padded with 0. Any length, for the outputs too: NVIDIA's backends "
    "refuse outputs whose dims differ from the graph's",
    "output": "logits at padding mean nothing",
    "instance_group": "one instance: it uses all cores, or the GPU if there is one; while it is "
    "busy the next batch forms. On a GPU a second instance could copy while the first computes, "
    "but the count holds for CPUs too, where two would share the cores",
    "dynamic_batching": "no queue delay: a lone request would wait for all of it. No queue policy "
    "either: with a size limit or a timeout Triton does not read ahead, and one in five requests "
    "that arrive during a computation waits until the next one arrives or 500 ms have passed "
    "(tritonserver 2.51.0). The gateway limits the queue and cancels late requests. No preferred "
    "sizes: without a delay they only shorten a batch that is already there",
    "model_warmup": "every length that a client sends, so that no request waits for kernels and "
    "memory; rows of ones, as rows of zeros would be all padding, which costs nothing",
}
_WHY_TWO = (
    "two instances: while one copies and answers, the other computes. In NVIDIA's backend they "
    "share a process; in ours each has its own, and they take turns on the GPU. Not measured"
)
_WHY_TF32 = {
    "savedmodel": "allow_tf32 is for the embedded Triton's backend; NVIDIA's TensorFlow backend "
    "has no such setting: it uses TF32 unless its process has NVIDIA_TF32_OVERRIDE=0",
    "onnx": "use_tf32 is an option of ONNX Runtime's CUDA provider, in NVIDIA's backend and ours: "
    "1 lets a GPU round the factors of a matrix product to 10 bits; a CPU has no TF32",
}
_WHY_STRICT = (
    "an option of ONNX Runtime's CUDA provider: without it LayerNorm sums in fp16, where its "
    "epsilon is 0 and large values overflow"
)
_WHY_OPENVINO = (
    "LATENCY and 1 stream: one batch at a time, with all cores; without HINT_BF16 OpenVINO "
    "computes in bf16 where the CPU has instructions for it, and only there"
)
_WHY_BACKEND = (
    "NVIDIA's own backend of this name takes only batches of exactly max_batch_size rows: put ours "
    "in its place with `python -m embedded.install_backend FOLDER openvino` (docs/exporting.md)"
)
_WHY_SHAPE = (
    "For the client: a row has at most sequence_length tokens and is padded to a multiple of "
    "pad_to_multiple_of; a request has at most max_rows rows, and a longer text takes several"
)
#: As NVIDIA's OpenVINO backend calls them, and embedded/backends/openvino_ir.py reads them.
OPENVINO_PARAMETERS = {"PERFORMANCE_HINT": "LATENCY", "NUM_STREAMS": "1"}


def request_shape(variant: Variant, sequence_length: int) -> RequestShape:
    """Return what a request to ``variant`` may look like."""
    return RequestShape(
        sequence_length=sequence_length,
        pad_to_multiple_of=min(variant.padding.multiple or sequence_length, sequence_length),
        max_rows=variant.max_rows,
    )


def model_config(variant: Variant, sequence_length: int) -> triton.ModelConfig:
    """Return the config of a model that takes rows of up to ``sequence_length`` tokens."""
    return triton.ModelConfig(
        name=variant.model_name,
        backend=variant.runtime.backend,
        platform=variant.runtime.platform,
        max_batch_size=variant.max_rows,
        input=[
            triton.ModelInput(name=name, data_type=triton.TYPE_INT32, dims=[FREE])
            for name in INPUTS
        ],
        output=[
            triton.ModelOutput(name=name, data_type=triton.TYPE_FP32, dims=[FREE])
            for name in OUTPUTS
        ],
        instance_group=[
            triton.ModelInstanceGroup(count=variant.instances, kind=_KINDS[variant.device])
        ],
        dynamic_batching=triton.ModelDynamicBatching(),
        optimization=_optimization(variant),
        parameters={
            name: triton.ModelParameter(string_value=value)
            for name, value in _parameters(variant, sequence_length).items()
        },
        model_warmup=list(_warmups(variant, sequence_length)),
    )


def cuda_options(variant: Variant) -> dict[str, str]:
    """Return the options of ONNX Runtime's CUDA provider for ``variant``."""
    if variant.tf32 is None:
        return {"enable_skip_layer_norm_strict_mode": "1"}
    return {"use_tf32": str(int(variant.tf32))}


def _optimization(variant: Variant) -> triton.ModelOptimizationPolicy | None:
    if variant.format != "onnx" or variant.device == "cpu":
        return None
    accelerators = triton.ModelOptimizationPolicy.ExecutionAccelerators
    cuda = accelerators.Accelerator(name="cuda", parameters=cuda_options(variant))
    return triton.ModelOptimizationPolicy(
        execution_accelerators=accelerators(gpu_execution_accelerator=[cuda])
    )


def _parameters(variant: Variant, sequence_length: int) -> dict[str, str]:
    shape = request_shape(variant, sequence_length).parameters()
    if variant.format == "openvino":
        return shape | OPENVINO_PARAMETERS
    if variant.format == "savedmodel" and variant.tf32 is not None:
        return shape | {"allow_tf32": str(int(variant.tf32))}
    return shape


def _comments(variant: Variant) -> dict[str, str]:
    comments = dict(_COMMENTS)
    parameters = [_WHY_SHAPE, variant.padding.reason]
    if variant.instances > 1:
        comments["instance_group"] = _WHY_TWO
    if variant.device != "any":
        comments["instance_group.kind"] = variant.device_reason
    if variant.tf32 is not None and variant.format == "onnx":
        comments["optimization"] = _WHY_TF32[variant.format]
    elif variant.tf32 is not None:
        parameters.append(_WHY_TF32[variant.format])
    elif variant.format == "onnx" and variant.device != "cpu":
        comments["optimization"] = _WHY_STRICT
    if variant.format == "openvino":
        parameters.append(_WHY_OPENVINO)
        comments["backend"] = _WHY_BACKEND
    comments["parameters"] = ". ".join(parameters)
    return comments


def _warmups(variant: Variant, sequence_length: int) -> Iterator[triton.ModelWarmup]:
    """Yield a window of each length, the longest first; on a GPU alone, a full batch before them.

    On a CPU a full batch would take seconds and gain nothing.
    """
    if variant.device == "gpu":
        yield _warmup(variant.max_rows, sequence_length)
    step = request_shape(variant, sequence_length).pad_to_multiple_of
    for length in (sequence_length, *range(-(-sequence_length // step) * step - step, 0, -step)):
        yield _warmup(1, length)


def _warmup(rows: int, length: int) -> triton.ModelWarmup:
    ones = triton.ModelWarmup.Input(
        data_type=triton.TYPE_INT32, dims=[length], input_data_file=WARMUP_FILE
    )
    name = f"{rows} window{'s' if rows > 1 else ''} of {length} tokens"
    return triton.ModelWarmup(name=name, batch_size=rows, inputs=dict.fromkeys(INPUTS, ones))


def config_text(variant: Variant, sequence_length: int) -> str:
    """Return the text of ``config.pbtxt``."""
    printed = text_format.MessageToString(model_config(variant, sequence_length)).splitlines()
    return "\n".join(["# written by `make export`", *_commented(printed, _comments(variant)), ""])


def write_config(folder: Path, variant: Variant, sequence_length: int) -> None:
    """Write ``config.pbtxt`` and the warm-up request's data into the model's ``folder``."""
    (folder / CONFIG).write_text(config_text(variant, sequence_length))
    (folder / WARMUP).mkdir()
    (folder / WARMUP / WARMUP_FILE).write_bytes(np.ones(sequence_length, np.int32).tobytes())


def _commented(lines: list[str], comments: Mapping[str, str]) -> Iterator[str]:
    """Yield ``lines`` of a printed message, each field's comment above its first line."""
    unused = dict(comments)
    path: list[str] = []
    for line in lines:
        field = line.split("{")[0].split(":")[0].strip()
        if comment := unused.pop(".".join([*path, field]), None):
            margin = line[: len(line) - len(line.lstrip())] + "# "
            yield textwrap.fill(comment, 88, initial_indent=margin, subsequent_indent=margin)
        yield line
        if line.endswith("{"):
            path.append(field)
        elif field == "}":
            path.pop()
