"""ONNX Runtime's execution providers for a model instance, configured as in NVIDIA's backend."""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence

from embedded.backends.model_file import is_on_gpu

CPU = "CPUExecutionProvider"
CUDA = "CUDAExecutionProvider"
TENSORRT = "TensorrtExecutionProvider"

ACCELERATORS = ("cuda", "tensorrt")  # names in the config's ``gpu_execution_accelerator``

Provider = tuple[str, dict[str, str]]  # ONNX Runtime's name for it, and its options

#: The provider's options for TensorRT's ``precision_mode``, which NVIDIA's backend has.
_PRECISION = {
    "FP32": {},
    "FP16": {"trt_fp16_enable": "True"},
    "INT8": {"trt_int8_enable": "True"},
}
_TRUTH = {"1": "True", "true": "True", "0": "False", "false": "False"}  # for Python's binding


def wanted_providers(args: Mapping[str, str], available: Collection[str]) -> list[Provider]:
    """Return the providers of the instance that ``args`` describe, the preferred one first.

    A CPU instance has the CPU alone. A GPU instance has TensorRT, if the config's
    ``gpu_execution_accelerator`` asks for "tensorrt", then CUDA, then the CPU. The parameters of
    "cuda", such as ``use_tf32``, become CUDA's options, as in NVIDIA's native backend.
    ``available`` are the names that this ONNX Runtime was built with. Raises RuntimeError when a
    provider is not among them, or the config asks for something that is not supported.
    """
    if not is_on_gpu(args):
        return [(CPU, {})]
    return gpu_providers(_accelerators(args), args["model_instance_device_id"], available)


def gpu_providers(
    accelerators: Mapping[str, Mapping[str, str]], device_id: str, available: Collection[str]
) -> list[Provider]:
    """Return the providers of a GPU, the preferred one first.

    ``accelerators`` are parameters by the accelerator's name, as in a config. Raises as
    ``wanted_providers`` does.
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
    for name in (each["name"] for each in listed):
        if name not in ACCELERATORS:
            raise RuntimeError(
                f"the config asks for the accelerator {name!r}; known are {', '.join(ACCELERATORS)}"
            )
    return {each["name"]: each.get("parameters", {}) for each in listed}


def _cuda_options(parameters: Mapping[str, str]) -> dict[str, str]:
    if parameters.get("enable_cuda_graph", "0") not in ("0", "false", "False"):
        raise RuntimeError(
            "the config asks for enable_cuda_graph, which this backend does not have: a captured "
            "graph has one shape, and reads and writes memory that never moves (docs/gpu.md)"
        )
    return dict(parameters)


def _tensorrt_options(parameters: Mapping[str, str]) -> dict[str, str]:
    return dict(pair for each in parameters.items() for pair in _tensorrt_option(*each))


def _tensorrt_option(name: str, value: str) -> Iterator[tuple[str, str]]:
    """Yield ONNX Runtime's options for a parameter of NVIDIA's backend."""
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

    Without CUDA's libraries, onnxruntime-gpu computes on the CPU and says so in its log only.
    ``reason`` is what the loader says about them.
    """
    if missing := [name for name, _ in wanted if name not in got]:
        why = reason or "its log says why: there may be no GPU, or too old a driver"
        raise RuntimeError(
            f"onnxruntime fell back to {', '.join(got)} without {', '.join(missing)}: {why}"
        )
