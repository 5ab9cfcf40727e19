"""What a run was made on and with: the device, versions, commit, date, and how busy it was."""

import os
import subprocess
import sys
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from platform import python_version
from typing import Any

import pynvml

from embedded.cpu import read_cpu
from loadtest.result import Device, Environment

ROOT = Path(__file__).parent.parent
PACKAGES = (
    *("onnxruntime", "onnxruntime-gpu", "openvino", "tensorflow", "tensorflow-cpu"),
    *("nvidia-pytriton", "tritonclient", "grpcio", "locust", "gevent", "numpy", "tokenizers"),
)


def environment(*, device: Device | None = None, **versions: str) -> Environment:
    """Return where, when and how this process measures, from now.

    ``device`` is what the embedded Triton would use, where none is given; ``versions`` go beside
    those of the packages that are installed, as in ``triton="2.51.0"``.
    """
    packages = {name: found for name in PACKAGES if (found := _version(name))}
    return Environment(
        device=device or read_device(on_gpu=_version("onnxruntime-gpu") is not None),
        versions={"python": python_version(), **packages, **versions},
        command=_command(),
        commit=_commit(),
        started=datetime.now(UTC).isoformat(timespec="seconds"),
        load_average=os.getloadavg()[0],
    )


def read_device(*, on_gpu: bool) -> Device:
    """Return this machine's first GPU that CUDA may use, if that computes, or else its CPU."""
    gpu = _gpu() if on_gpu else None
    if gpu is not None:
        return gpu
    cpu = read_cpu()
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return Device(kind="cpu", name=cpu.name, count=cpu.cores, memory_bytes=memory)


def _gpu() -> Device | None:
    """Return the GPU by NVML, with its clocks of this moment; None where there is none to use."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES", "0").split(",")[0].strip()
    if visible in ("", "-1"):
        return None
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:  # neither a driver nor a GPU
        return None
    try:
        handle = _handle(visible)
        clocks = {"sm": pynvml.NVML_CLOCK_SM, "memory": pynvml.NVML_CLOCK_MEM}
        return Device(
            kind="gpu",
            name=pynvml.nvmlDeviceGetName(handle),
            count=1,
            memory_bytes=int(pynvml.nvmlDeviceGetMemoryInfo(handle).total),
            driver=pynvml.nvmlSystemGetDriverVersion(),
            clocks_mhz={
                name: pynvml.nvmlDeviceGetClockInfo(handle, clock) for name, clock in clocks.items()
            },
        )
    except pynvml.NVMLError:
        return None
    finally:
        pynvml.nvmlShutdown()


def _handle(visible: str) -> Any:
    """Return NVML's handle of a GPU by what CUDA_VISIBLE_DEVICES calls it: a number or a UUID."""
    if visible.isdecimal():
        return pynvml.nvmlDeviceGetHandleByIndex(int(visible))
    return pynvml.nvmlDeviceGetHandleByUUID(visible)


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _command() -> tuple[str, ...]:
    """Return this process's command, without the folders of its interpreter."""
    return ("python", *sys.orig_argv[1:])


def _commit() -> str | None:
    """Return the commit of this project, with "-dirty" where a tracked file is changed."""
    describe = ("git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*")
    try:
        done = subprocess.run(describe, cwd=ROOT, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None  # no git, or not a checkout
    return done.stdout.strip()
