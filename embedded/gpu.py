"""The NVIDIA GPU of this machine, as far as this process may use it; ``python -m`` prints it."""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from embedded.packages import onnxruntime_has_cuda


@dataclass(frozen=True)
class Gpu:
    """A GPU, or the part of one that MIG makes, by NVML."""

    name: str
    capability: tuple[int, int]  # CUDA's compute capability: (7, 5) is a T4, (9, 0) an H100
    memory_bytes: int
    driver: str
    clocks_mhz: Mapping[str, int] = field(default_factory=dict)  # "sm" and "memory", just now

    def description(self) -> str:
        """Return a line that is the same on the same kind of GPU, and another on another."""
        return f"{self.name}, {self.memory_bytes / 2**30:.0f} GiB"


def serving_gpu() -> Gpu | None:
    """Return the GPU that the embedded Triton computes on.

    None where there is none, or where the installed ONNX Runtime is not the one for GPUs.
    """
    return read_gpu() if onnxruntime_has_cuda() else None


def read_gpu() -> Gpu | None:
    """Return the first GPU that CUDA may use, as CUDA_VISIBLE_DEVICES says.

    None where there is none, no driver, or no nvidia-ml-py to ask.
    """
    visible = os.environ.get("CUDA_VISIBLE_DEVICES", "0").split(",")[0].strip()
    if visible in ("", "-1"):
        return None
    try:
        import pynvml  # of the extra `embedded`: a gateway alone has no use for it
    except ImportError:
        return None
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return None
    try:
        return _read(pynvml, visible)
    except pynvml.NVMLError:
        return None
    finally:
        pynvml.nvmlShutdown()


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
    why = "NVML finds none" if onnxruntime_has_cuda() else "run make setup GPU=1"
    print(f"error: there is no GPU to compute on: {why}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
