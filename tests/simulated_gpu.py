"""A simulated GPU: an NVML that reports it, and sessions that compute as CUDA's would.

Of ONNX Runtime, only the session class is replaced: it claims to have the providers that it is
asked for, and evaluates the graph in numpy, a packed one too. All code that asks it is ours.
"""

import ctypes
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import onnxruntime
import pynvml
import pytest
from numpy.typing import NDArray

from embedded.backends.providers import CPU, CUDA
from embedded.gpu import Gpu
from qa.tensors import INPUTS, OUTPUTS

A100 = Gpu("NVIDIA A100-SXM4-40GB", (8, 0), 40 * 2**30, "580.95", {"sm": 1410, "memory": 1215})
T4 = Gpu("Tesla T4", (7, 5), 15 * 2**30, "580.95", {"sm": 1590, "memory": 5001})


@dataclass
class Simulated:
    """What the simulated GPU was asked."""

    providers: list[list[tuple[str, Mapping[str, str]]]] = field(default_factory=list)
    shapes: list[tuple[int, ...]] = field(default_factory=list)
    preloaded: int = 0


class _Binding:
    """The arrays of one run, by name; outputs by their address."""

    def __init__(self) -> None:
        self.inputs: dict[str, NDArray[Any]] = {}
        self.outputs: dict[str, tuple[int, tuple[int, ...]]] = {}

    def bind_cpu_input(self, name: str, array: NDArray[Any]) -> None:
        self.inputs[name] = array

    def bind_output(
        self, name: str, device: str, number: int, dtype: Any, shape: tuple[int, ...], address: int
    ) -> None:
        assert (device, number, dtype) == ("cpu", 0, np.float32)
        self.outputs[name] = address, shape


def simulate(monkeypatch: pytest.MonkeyPatch, gpu: Gpu) -> Simulated:
    """Have this process find ``gpu``, and ONNX Runtime compute on it; return what it was asked."""
    seen = Simulated()

    class Session:
        def __init__(self, path: str, _: Any, *, providers: list[Any], **__: Any) -> None:
            from export.proof.runtime import load_reference

            seen.providers.append(providers)
            self._names = [name for name, _ in providers]
            self._model = load_reference(Path(path))

        def get_providers(self) -> list[str]:
            return self._names

        def run(self, names: list[str], inputs: dict[str, NDArray[Any]]) -> list[NDArray[Any]]:
            seen.shapes.append(inputs[INPUTS[0]].shape)
            found = self._model(inputs)
            return [found[name] for name in names]

        def io_binding(self) -> _Binding:
            return _Binding()

        def run_with_iobinding(self, binding: _Binding) -> None:
            seen.shapes.append(binding.inputs[INPUTS[0]].shape)
            found = self._model(binding.inputs)
            for name in OUTPUTS:
                address, shape = binding.outputs[name]
                assert found[name].shape == shape
                values = np.ascontiguousarray(found[name], np.float32)
                ctypes.memmove(address, values.ctypes.data, values.nbytes)

    def preload() -> None:
        seen.preloaded += 1

    monkeypatch.setattr(onnxruntime, "InferenceSession", Session)
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: [CUDA, CPU])
    monkeypatch.setattr(onnxruntime, "preload_dlls", preload)
    simulate_nvml(monkeypatch, gpu)
    return seen


def simulate_nvml(monkeypatch: pytest.MonkeyPatch, gpu: Gpu) -> None:
    """Have NVML report ``gpu``."""
    memory = ModuleType("memory")
    memory.total = gpu.memory_bytes  # type: ignore[attr-defined]
    clocks = {pynvml.NVML_CLOCK_SM: "sm", pynvml.NVML_CLOCK_MEM: "memory"}
    told = {
        "nvmlInit": lambda: None,
        "nvmlShutdown": lambda: None,
        "nvmlDeviceGetHandleByIndex": lambda number: number,
        "nvmlDeviceGetName": lambda _: gpu.name,
        "nvmlDeviceGetCudaComputeCapability": lambda _: gpu.capability,
        "nvmlDeviceGetMemoryInfo": lambda _: memory,
        "nvmlSystemGetDriverVersion": lambda: gpu.driver,
        "nvmlDeviceGetClockInfo": lambda _, clock: gpu.clocks_mhz[clocks[clock]],
    }
    for name, function in told.items():
        monkeypatch.setattr(pynvml, name, function)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
