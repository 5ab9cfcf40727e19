"""Peaks: of datasheets by NVML's names, and measured by a real product."""

import subprocess
import sys

import pytest

from loadtest.batches.ceiling import find_datasheet, find_peak, precision_of
from loadtest.device import read_device
from loadtest.errors import LoadTestError
from loadtest.result import Device
from tests.conftest import ROOT


def gpu(name: str) -> Device:
    return Device(kind="gpu", name=name, count=1, memory_bytes=0)


@pytest.mark.parametrize(
    ("name", "precision", "teraflops"),
    [
        ("NVIDIA A100-SXM4-40GB", "fp16", 312),
        ("NVIDIA A100 80GB PCIe", "tf32", 156),
        ("Tesla T4", "fp16", 65),
        ("NVIDIA L4", "fp16", 121),
        ("NVIDIA L40S", "int8", 733),
        ("NVIDIA H100 80GB HBM3", "fp16", 989.5),
        ("NVIDIA H100 PCIe", "fp16", 756.5),
        ("NVIDIA H100 NVL", "fp16", 835.5),
        ("NVIDIA H200", "tf32", 494.5),
        ("NVIDIA H200 NVL", "tf32", 417.5),
    ],
)
def test_a_known_gpu_has_its_datasheet(name: str, precision: str, teraflops: float) -> None:
    sheet = find_datasheet(gpu(name))
    assert sheet is not None
    assert sheet.peaks[precision] == teraflops
    assert sheet.source.startswith("NVIDIA")


@pytest.mark.parametrize(
    "name",
    [
        *("NVIDIA A10", "NVIDIA RTX A1000", "NVIDIA L40", "Quadro T400", "NVIDIA GH200 480GB"),
        "NVIDIA A100-SXM4-40GB MIG 1g.5gb",
    ],
)
def test_another_gpu_or_a_part_of_one_has_none(name: str) -> None:
    assert find_datasheet(gpu(name)) is None


def test_a_precision_is_that_of_the_variants_name() -> None:
    names = ("onnx_fp16_packed", "savedmodel_tf32", "openvino_bf16", "onnx_int8", "onnx_fp32")
    assert [precision_of(name) for name in names] == ["fp16", "tf32", "bf16", "int8", "fp32"]
    for name in ("onnx", "onnx_int3", "onnx_fp32_int8"):
        with pytest.raises(LoadTestError, match=name):
            precision_of(name)


def test_the_peak_of_this_cpu_is_measured() -> None:
    peak, reason = find_peak("savedmodel_tf32", read_device(on_gpu=False))
    assert reason is None
    assert peak.precision == "fp32"  # a CPU has no TF32
    assert peak.measured is not None
    assert 1e-4 < peak.measured < 100  # TFLOP/s
    assert peak.datasheet is None


def test_a_peak_that_cannot_be_measured_says_why_in_a_line() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "loadtest.batches.peak", "fp16", "gpu"],
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    if done.returncode == 0:
        pytest.skip("there is a GPU here")
    assert done.stdout == ""
    assert "CUDAExecutionProvider" in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
