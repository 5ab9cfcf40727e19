import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from embedded.backends.model_file import allows_tf32, model_path, thread_count
from tests.conftest import ROOT

pytestmark = pytest.mark.thorough


def args(**parameters: str) -> dict[str, str]:
    config = {
        "backend": "onnxruntime",
        "default_model_filename": "",
        "parameters": {name: {"string_value": value} for name, value in parameters.items()},
    }
    return {
        "model_config": json.dumps(config),
        "model_repository": "/models/m",
        "model_version": "3",
        "model_instance_kind": "CPU",
        "model_instance_device_id": "0",
    }


def test_the_file_is_the_one_that_the_native_backend_takes() -> None:
    assert model_path(args()) == Path("/models/m/3/model.onnx")
    named = {**args(), "model_config": '{"default_model_filename": "other.onnx"}'}
    assert model_path(named) == Path("/models/m/3/other.onnx")


def test_threads() -> None:
    assert thread_count(args()) == len(os.sched_getaffinity(0))
    assert thread_count(args(intra_op_thread_count="7")) == 7
    assert thread_count({"model_config": "{}"}) == len(os.sched_getaffinity(0))


def test_tf32() -> None:
    assert allows_tf32(args()) is None
    assert allows_tf32(args(allow_tf32="0")) is False
    assert allows_tf32(args(allow_tf32="1")) is True
    with pytest.raises(ValueError, match="allow_tf32 is 'false'; use 0 or 1"):
        allows_tf32(args(allow_tf32="false"))


CONFIGURE = """
import json, runpy, sys, types

import tensorflow as tf

# stands in for the module of Triton's stub; nothing here calls it
sys.modules["triton_python_backend_utils"] = types.ModuleType("triton_python_backend_utils")
backend = runpy.run_path(sys.argv[1])
for args in json.loads(sys.argv[2]):
    backend["configure"](args)
    threads = tf.config.threading.get_intra_op_parallelism_threads()
    print(threads, tf.config.experimental.tensor_float_32_execution_enabled())
"""


def test_tensorflow_does_what_the_config_says() -> None:
    configs = [
        args(intra_op_thread_count="3"),  # TF32 as TensorFlow has it: on
        args(intra_op_thread_count="3", allow_tf32="0"),
        args(intra_op_thread_count="5", allow_tf32="1"),
    ]
    backend = ROOT / "embedded" / "backends" / "tensorflow" / "model.py"
    command = [sys.executable, "-c", CONFIGURE, str(backend), json.dumps(configs)]
    said = subprocess.check_output(command, cwd=ROOT, stderr=subprocess.DEVNULL, text=True)
    assert said.split() == ["3", "True", "3", "False", "5", "True"]


def test_a_tensorflow_that_finds_no_gpu_does_not_compute_on_the_cpu_instead() -> None:
    beside_a_gpu = args() | {"model_instance_kind": "GPU", "model_instance_device_id": "1"}
    backend = ROOT / "embedded" / "backends" / "tensorflow" / "model.py"
    done = subprocess.run(
        [sys.executable, "-c", CONFIGURE, str(backend), json.dumps([beside_a_gpu])],
        cwd=ROOT,
        env={**os.environ, "CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert "the instance is on GPU 1, and TensorFlow" in done.stderr
    assert "in place of tensorflow-cpu" in done.stderr
