"""What Triton's arguments say about a model: its file, its parameters, its threads."""

import json
import os
from collections.abc import Mapping
from pathlib import Path

from qa.tensors import RequestShape, read_request_shape

DEFAULT_FILES = {
    "onnxruntime": "model.onnx",
    "openvino": "model.xml",
    "tensorflow": "model.savedmodel",
}


def model_path(args: Mapping[str, str]) -> Path:
    """Return the model's file, by the rule of Triton's native backends."""
    config = json.loads(args["model_config"])
    name = config.get("default_model_filename") or DEFAULT_FILES[config["backend"]]
    return Path(args["model_repository"], args["model_version"], name)


def parameters(args: Mapping[str, str]) -> dict[str, str]:
    """Return the config's ``parameters``, by name."""
    configured = json.loads(args["model_config"]).get("parameters", {})
    return {name: value["string_value"] for name, value in configured.items()}


def request_shape(args: Mapping[str, str]) -> RequestShape:
    """Return what a request to the model may look like, by its config.

    Raises ContractError when a parameter is missing or wrong.
    """
    return read_request_shape(parameters(args))


def is_on_gpu(args: Mapping[str, str]) -> bool:
    """Whether Triton has put the instance on a GPU."""
    return args["model_instance_kind"] == "GPU"


def thread_count(args: Mapping[str, str]) -> int:
    """Return the config's ``intra_op_thread_count``, or the cores that this process may use.

    The runtimes' own default is all cores of the machine, whatever the container's share.
    """
    configured = int(parameters(args).get("intra_op_thread_count", "0"))
    return configured or len(os.sched_getaffinity(0))


def allows_tf32(args: Mapping[str, str]) -> bool | None:
    """Return the config's ``allow_tf32``; None, for the runtime's default, if it is not set.

    Raises ValueError when it is neither 0 nor 1.
    """
    configured = parameters(args).get("allow_tf32")
    if configured not in (None, "0", "1"):
        raise ValueError(f"the config's parameter allow_tf32 is {configured!r}; use 0 or 1")
    return None if configured is None else configured == "1"
