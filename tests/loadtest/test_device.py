"""The environment of a run is that of this machine and this checkout."""

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest

from embedded.cpu import read_cpu
from loadtest.device import computing_device, environment, read_device
from loadtest.errors import LoadTestError
from loadtest.result import Device
from tests.conftest import ROOT
from tests.simulated_gpu import A100, simulate_nvml


def test_a_machine_without_a_gpu_is_its_cpu() -> None:
    device = read_device(on_gpu=False)
    assert (device.kind, device.name) == ("cpu", read_cpu().name)
    assert device.count == len(os.sched_getaffinity(0))
    assert device.memory_bytes > 2**28


def test_a_gpu_that_cuda_may_not_use_is_not_the_device(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert read_device(on_gpu=True).kind == "cpu"


def test_the_environment_says_what_was_run_where_and_when() -> None:
    found = environment(triton="2.51.0")
    assert found.command == ("python", *sys.orig_argv[1:])
    assert found.versions["triton"] == "2.51.0"
    assert {"python", "locust", "numpy", "grpcio"} <= set(found.versions)
    age = datetime.now(UTC) - datetime.fromisoformat(found.started)
    assert timedelta(0) <= age < timedelta(seconds=30)
    assert found.load_average >= 0


def test_the_commit_is_that_of_the_checkout() -> None:
    head = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    commit = environment().commit
    assert commit is not None
    assert commit.removesuffix("-dirty") == head.stdout.strip()


def test_a_device_that_is_given_is_kept() -> None:
    device = Device(kind="gpu", name="another machine's", count=1, memory_bytes=0)
    assert environment(device=device).device == device


def test_the_gpu_that_triton_computes_on_is_the_device(monkeypatch: pytest.MonkeyPatch) -> None:
    simulate_nvml(monkeypatch, A100)
    found = computing_device("fp16", on_gpu=True)
    assert (found.kind, found.name, found.driver) == ("gpu", A100.name, "580.95")
    assert found.clocks_mhz == {"sm": 1410, "memory": 1215}
    assert computing_device("int8", on_gpu=False).kind == "cpu"
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    with pytest.raises(LoadTestError, match="fp16 on a GPU, and NVML finds none here"):
        computing_device("fp16", on_gpu=True)
