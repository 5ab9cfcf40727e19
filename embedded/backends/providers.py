"""ONNX Runtime's execution providers of a model instance, by the fields of NVIDIA's backend."""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from embedded.backends.model_file import is_on_gpu

CPU = "CPUExecutionProvider"
CUDA = "CUDAExecutionProvider"
TENSORRT = "TensorrtExecutionProvider"

#: What NVIDIA's backend calls a provider in ``gpu_execution_accelerator``.
ACCELERATORS = {"cuda": CUDA, "tensorrt": TENSORRT}

#: A name, and the options that ONNX Runtime gets for it.
Provider = tuple[str, dict[str, str]]

#: TensorRT's precision, as NVIDIA's backend spells it, to the provider's options.
_PRECISION = {
    "FP32": {},
    "FP16": {"trt_fp16_enable": "True"},
    "INT8": {"trt_int8_enable": "True"},
}
_TRUTH = {"1": "True", "true": "True", "0": "False", "false": "False"}  # as Python's binding has it


def wanted_providers(args: Mapping[str, str], available: Collection[str]) -> list[Provider]:
    """Return the providers of the instance that ``args`` describe, the preferred one first.

    On a GPU that is CUDA, with the parameters of the config's ``gpu_execution_accelerator``
    called "cuda" as its options (``use_tf32`` and others, as NVIDIA's native backend passes
    them), and before it TensorRT, where the config asks for "tensorrt"; a CPU instance has the
    CPU alone. ``available`` are the names that this ONNX Runtime was built with. Raises
    RuntimeError when one is not among them, or when the config asks for what there is not.
    """
    if not is_on_gpu(args):
        return [(CPU, {})]
    return gpu_providers(_accelerators(args), args["model_instance_device_id"], available)


def gpu_providers(
    accelerators: Mapping[str, Mapping[str, str]], device_id: str, available: Collection[str]
) -> list[Provider]:
    """Return the providers of a GPU, the preferred one first.

    ``accelerators`` are parameters by the accelerator's name, as in a config. Raises as
    ``wanted_providers``.
    """
    found: list[Provider] = []
    if "tensorrt" in accelerators:
        found.append((TENSORRT, _tensorrt_options(accelerators["tensorrt"])))
    found.append((CUDA, _cuda_options(accelerators.get("cuda", {}))))
    for name, options in found:
        if name not in available:
            raise RuntimeError(
                f"the instance is on a GPU, and this onnxruntime has no {name} (only "
                f"{', '.join(sorted(available))}): install onnxruntime-gpu in its place (make "
                "setup GPU=1), or hide the GPU with CUDA_VISIBLE_DEVICES="
            )
        options["device_id"] = device_id
    return [*found, (CPU, {})]


def _accelerators(args: Mapping[str, str]) -> dict[str, dict[str, str]]:
    optimization = json.loads(args["model_config"]).get("optimization", {})
    listed = optimization.get("execution_accelerators", {}).get("gpu_execution_accelerator", [])
    return dict(_accelerator(each) for each in listed)


def _accelerator(accelerator: Mapping[str, Any]) -> tuple[str, dict[str, str]]:
    name = accelerator["name"]
    if name not in ACCELERATORS:
        raise RuntimeError(
            f"the config asks for the accelerator {name!r}; known are {', '.join(ACCELERATORS)}"
        )
    return name, dict(accelerator.get("parameters", {}))


def _cuda_options(parameters: Mapping[str, str]) -> dict[str, str]:
    if parameters.get("enable_cuda_graph", "0") not in ("0", "false", "False"):
        raise RuntimeError(
            "the config asks for enable_cuda_graph, which this backend has not: a captured graph "
            "is of one shape, and reads and writes memory that never moves (docs/gpu.md)"
        )
    return dict(parameters)


def _tensorrt_options(parameters: Mapping[str, str]) -> dict[str, str]:
    return dict(pair for each in parameters.items() for pair in _tensorrt_option(*each))


def _tensorrt_option(name: str, value: str) -> Iterator[tuple[str, str]]:
    """Yield ONNX Runtime's options for a parameter of NVIDIA's backend, by its own spelling."""
    if name == "precision_mode":
        if value not in _PRECISION:
            raise RuntimeError(
                f"tensorrt's precision_mode is {value!r}; known are {', '.join(_PRECISION)}"
            )
        yield from _PRECISION[value].items()
    elif name == "max_workspace_size_bytes":
        yield "trt_max_workspace_size", value
    elif name.startswith("trt_"):
        yield name, _TRUTH.get(value.lower(), value) if name.endswith("_enable") else value
    else:
        raise RuntimeError(f"tensorrt has no parameter {name!r}; its names begin with trt_")


def check_providers(
    wanted: Sequence[Provider], got: Sequence[str], reason: str | None = None
) -> None:
    """Raise RuntimeError unless a session has all providers that it was made with.

    Without CUDA's libraries, onnxruntime-gpu computes on the CPU and says so in its log only;
    ``reason`` is what the loader says of them.
    """
    if missing := [name for name, _ in wanted if name not in got]:
        why = reason or "its log says why: there may be no GPU, or too old a driver"
        raise RuntimeError(
            f"onnxruntime fell back to {', '.join(got)} without {', '.join(missing)}: {why}"
        )
