"""What Triton's arguments say of a model: its file, its parameters, the threads it may use."""

import json
import os
from collections.abc import Mapping
from pathlib import Path

DEFAULT_FILES = {"onnxruntime": "model.onnx", "tensorflow": "model.savedmodel"}


def model_path(args: Mapping[str, str]) -> Path:
    """Return the model's file, by the rule of Triton's native backends."""
    config = json.loads(args["model_config"])
    name = config.get("default_model_filename") or DEFAULT_FILES[config["backend"]]
    return Path(args["model_repository"], args["model_version"], name)


def thread_count(args: Mapping[str, str]) -> int:
    """Return the config's ``intra_op_thread_count``, or the cores that this process may use.

    The runtimes' own default is all cores of the machine, whatever the container's share.
    """
    parameters = json.loads(args["model_config"]).get("parameters", {})
    configured = int(parameters.get("intra_op_thread_count", {}).get("string_value", "0"))
    return configured or len(os.sched_getaffinity(0))
