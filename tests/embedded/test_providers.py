import json
from typing import Any

import pytest

from embedded.backends.providers import CPU, CUDA, TENSORRT, check_providers, wanted_providers


def args(kind: str, *accelerators: dict[str, Any]) -> dict[str, str]:
    config: dict[str, Any] = {"name": "m", "optimization": {"priority": "PRIORITY_DEFAULT"}}
    if accelerators:
        on_gpu = {"gpu_execution_accelerator": list(accelerators), "cpu_execution_accelerator": []}
        config["optimization"]["execution_accelerators"] = on_gpu
    return {
        "model_config": json.dumps(config),
        "model_instance_kind": kind,
        "model_instance_device_id": "1" if kind == "GPU" else "0",
    }


def cuda(**parameters: str) -> dict[str, Any]:
    return {"name": "cuda", "parameters": parameters}


def test_a_cpu_instance_has_the_cpu_alone() -> None:
    assert wanted_providers(args("CPU", cuda(use_tf32="1")), [TENSORRT, CUDA, CPU]) == [(CPU, {})]


def test_a_gpu_instance_has_cuda_with_the_options_of_the_config() -> None:
    configured = args("GPU", cuda(use_tf32="0", gpu_mem_limit="1000", device_id="7"))
    assert wanted_providers(configured, [CUDA, CPU]) == [
        (CUDA, {"use_tf32": "0", "gpu_mem_limit": "1000", "device_id": "1"}),  # the instance's
        (CPU, {}),
    ]


@pytest.mark.parametrize("accelerators", [(), ({"name": "cuda"},)])
def test_cuda_with_its_own_defaults(accelerators: tuple[dict[str, Any], ...]) -> None:
    wanted = wanted_providers(args("GPU", *accelerators), [CUDA, CPU])
    assert wanted == [(CUDA, {"device_id": "1"}), (CPU, {})]


def test_a_config_without_optimization() -> None:
    plain = {**args("GPU"), "model_config": "{}"}
    assert wanted_providers(plain, [CUDA, CPU])[0] == (CUDA, {"device_id": "1"})


def test_an_onnxruntime_without_cuda_is_no_use_on_a_gpu() -> None:
    with pytest.raises(RuntimeError, match="install onnxruntime-gpu in its place"):
        wanted_providers(args("GPU", cuda()), ["AzureExecutionProvider", CPU])


def test_another_accelerator_is_not_ignored() -> None:
    with pytest.raises(RuntimeError, match="accelerator 'openvino'; known are cuda, tensorrt"):
        wanted_providers(args("GPU", {"name": "openvino"}), [TENSORRT, CUDA, CPU])


def test_tensorrt_comes_before_cuda_with_the_options_of_nvidias_backend() -> None:
    parameters = {
        "precision_mode": "FP16",
        "max_workspace_size_bytes": "1000",
        "trt_engine_cache_enable": "1",
        "trt_engine_cache_path": "/cache",
        "trt_min_subgraph_size": "1",
    }
    configured = args("GPU", cuda(use_tf32="0"), {"name": "tensorrt", "parameters": parameters})
    assert wanted_providers(configured, [TENSORRT, CUDA, CPU]) == [
        (
            TENSORRT,
            {
                "trt_fp16_enable": "True",
                "trt_max_workspace_size": "1000",
                "trt_engine_cache_enable": "True",
                "trt_engine_cache_path": "/cache",
                "trt_min_subgraph_size": "1",
                "device_id": "1",
            },
        ),
        (CUDA, {"use_tf32": "0", "device_id": "1"}),
        (CPU, {}),
    ]
    with pytest.raises(RuntimeError, match=f"has no {TENSORRT}"):
        wanted_providers(configured, [CUDA, CPU])


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"precision_mode": "FP8"}, "precision_mode is 'FP8'; known are FP32, FP16, INT8"),
        ({"engine_cache": "1"}, "no parameter 'engine_cache'"),
    ],
)
def test_what_tensorrt_has_not_is_refused(parameters: dict[str, str], words: str) -> None:
    with pytest.raises(RuntimeError, match=words):
        wanted_providers(
            args("GPU", {"name": "tensorrt", "parameters": parameters}), [TENSORRT, CUDA, CPU]
        )


@pytest.mark.parametrize("value", ["0", "1"])
def test_a_cuda_graph_is_refused_by_name(value: str) -> None:
    configured = args("GPU", cuda(enable_cuda_graph=value))
    if value == "0":
        assert wanted_providers(configured, [CUDA, CPU])[0][1]["enable_cuda_graph"] == "0"
        return
    with pytest.raises(RuntimeError, match=r"enable_cuda_graph, which this backend does not have"):
        wanted_providers(configured, [CUDA, CPU])


def test_a_silent_fallback_is_noticed() -> None:
    wanted = wanted_providers(args("GPU"), [CUDA, CPU])
    check_providers(wanted, [CUDA, CPU])
    with pytest.raises(RuntimeError, match=f"fell back to {CPU} without {CUDA}: its log says why"):
        check_providers(wanted, [CPU])
    with pytest.raises(RuntimeError, match=f"without {CUDA}: libcublas.so.13: cannot open"):
        check_providers(wanted, [CPU], "libcublas.so.13: cannot open shared object file")
