"""ONNX Runtime's execution providers of a model instance, by the fields of NVIDIA's backend."""

import json
from collections.abc import Collection, Mapping, Sequence

CPU = "CPUExecutionProvider"
CUDA = "CUDAExecutionProvider"

#: A name, and the options that ONNX Runtime gets for it.
Provider = tuple[str, dict[str, str]]


def wanted_providers(args: Mapping[str, str], available: Collection[str]) -> list[Provider]:
    """Return the providers of the instance that ``args`` describe, the preferred one first.

    On a GPU that is CUDA, with the parameters of the config's ``gpu_execution_accelerator``
    called "cuda" as its options (``use_tf32`` and others, as NVIDIA's native backend passes
    them); a CPU instance has the CPU alone. ``available`` are the names that this ONNX Runtime
    was built with. Raises RuntimeError when CUDA is not among them, or when the config asks for
    another accelerator.
    """
    if args["model_instance_kind"] != "GPU":
        return [(CPU, {})]
    if CUDA not in available:
        raise RuntimeError(
            f"the instance is on a GPU, and this onnxruntime has no CUDA (only "
            f"{', '.join(sorted(available))}): install onnxruntime-gpu in its place, or hide the "
            "GPU with CUDA_VISIBLE_DEVICES="
        )
    return [
        (CUDA, {**_cuda_options(args), "device_id": args["model_instance_device_id"]}),
        (CPU, {}),
    ]


def _cuda_options(args: Mapping[str, str]) -> dict[str, str]:
    optimization = json.loads(args["model_config"]).get("optimization", {})
    accelerators = optimization.get("execution_accelerators", {})
    options: dict[str, str] = {}
    for accelerator in accelerators.get("gpu_execution_accelerator", []):
        if accelerator["name"] != "cuda":
            raise RuntimeError(
                f"the config asks for the accelerator {accelerator['name']!r}; this backend has "
                "cuda alone"
            )
        options |= accelerator.get("parameters", {})
    return options


def check_providers(wanted: Sequence[Provider], got: Sequence[str]) -> None:
    """Raise RuntimeError unless a session has all providers that it was made with.

    Without CUDA's libraries, onnxruntime-gpu computes on the CPU and says so in its log only.
    """
    if missing := [name for name, _ in wanted if name not in got]:
        raise RuntimeError(
            f"onnxruntime fell back to {', '.join(got)} without {', '.join(missing)}: its log "
            "names the library of CUDA or cuDNN that is missing or of another version"
        )
