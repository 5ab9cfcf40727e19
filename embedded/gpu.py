"""The NVIDIA GPU that this process may use; ``python -m embedded.gpu`` prints it."""

import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from embedded.packages import onnxruntime_has_cuda


@dataclass(frozen=True)
class Gpu:
    """A GPU, or a MIG slice of one, as NVML describes it."""

    name: str
    capability: tuple[int, int]  # CUDA's compute capability: (7, 5) is a T4, (9, 0) an H100
    memory_bytes: int
    driver: str
    clocks_mhz: Mapping[str, int] = field(default_factory=dict)  # "sm" and "memory", current

    def description(self) -> str:
        """Return one line that tells this kind of GPU from others."""
        return f"{self.name}, {self.memory_bytes / 2**30:.0f} GiB"


def serving_gpu() -> Gpu | None:
    """Return the GPU that the embedded Triton computes on.

    None without a GPU, or if the installed ONNX Runtime is not the one for GPUs.
    """
    return read_gpu() if onnxruntime_has_cuda() else None


def read_gpu() -> Gpu | None:
    """Return the first GPU of CUDA_VISIBLE_DEVICES, or of the machine if that is not set.

    None without a GPU, its driver, or nvidia-ml-py.
    """
    visible = os.environ.get("CUDA_VISIBLE_DEVICES", "0").split(",")[0].strip()
    if visible in ("", "-1"):
        return None
    try:
        import pynvml  # in the extra `embedded`: a gateway alone does without
    except ImportError:
        return None
    with suppress(pynvml.NVMLError):
        pynvml.nvmlInit()
        try:
            return _read(pynvml, visible)
        finally:
            pynvml.nvmlShutdown()
    return None


def _read(nvml: Any, visible: str) -> Gpu:
    """Return the GPU that CUDA_VISIBLE_DEVICES calls ``visible``: a number or a UUID."""
    if visible.isdecimal():
        handle = nvml.nvmlDeviceGetHandleByIndex(int(visible))
    else:
        handle = nvml.nvmlDeviceGetHandleByUUID(visible)
    clocks = {"sm": nvml.NVML_CLOCK_SM, "memory": nvml.NVML_CLOCK_MEM}
    return Gpu(
        name=nvml.nvmlDeviceGetName(handle),
        capability=tuple(nvml.nvmlDeviceGetCudaComputeCapability(handle)),
        memory_bytes=int(nvml.nvmlDeviceGetMemoryInfo(handle).total),
        driver=nvml.nvmlSystemGetDriverVersion(),
        clocks_mhz={
            name: nvml.nvmlDeviceGetClockInfo(handle, each) for name, each in clocks.items()
        },
    )


def main() -> int:
    """Print the GPU that serves, or on stderr why there is none; return the exit code."""
    if gpu := serving_gpu():
        print(gpu.description())
        return 0
    no_runtime = "the installed ONNX Runtime is for CPUs; run make setup GPU=1"
    why = "NVML finds none" if onnxruntime_has_cuda() else no_runtime
    print(f"error: there is no GPU to compute on: {why}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
