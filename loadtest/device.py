"""The environment of a run: device, versions, commit, date, and how busy the machine was."""

import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from platform import python_version

from embedded.cpu import read_cpu
from embedded.gpu import read_gpu
from embedded.packages import ONNXRUNTIME, TENSORFLOW, installed, onnxruntime_has_cuda
from loadtest.errors import LoadTestError
from loadtest.result import Device, Environment

ROOT = Path(__file__).parent.parent
PACKAGES = (
    *(*ONNXRUNTIME, "openvino", *TENSORFLOW),
    *("nvidia-pytriton", "tritonclient", "grpcio", "locust", "gevent", "numpy", "tokenizers"),
)


def environment(*, device: Device | None = None, **versions: str) -> Environment:
    """Return the environment of a measurement that this process starts now.

    ``device`` is by default the one that the embedded Triton would use. ``versions`` are added to
    those of the installed packages, as in ``triton="2.51.0"``.
    """
    return Environment(
        device=device or read_device(on_gpu=onnxruntime_has_cuda()),
        versions={"python": python_version(), **installed(*PACKAGES), **versions},
        command=("python", *sys.orig_argv[1:]),  # without the folder of its interpreter
        commit=_commit(),
        started=datetime.now(UTC).isoformat(timespec="seconds"),
        load_average=os.getloadavg()[0],
    )


def read_device(*, on_gpu: bool) -> Device:
    """Return the first GPU that CUDA may use, or the CPU if there is none or not ``on_gpu``."""
    gpu = read_gpu() if on_gpu else None
    if gpu is not None:
        return Device(
            kind="gpu",
            name=gpu.name,
            count=1,
            memory_bytes=gpu.memory_bytes,
            driver=gpu.driver,
            clocks_mhz=gpu.clocks_mhz,
        )
    cpu = read_cpu()
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return Device(kind="cpu", name=cpu.name, count=cpu.cores, memory_bytes=memory)


def computing_device(model: str, *, on_gpu: bool) -> Device:
    """Return the device of this machine that computes ``model``: a GPU if Triton says ``on_gpu``.

    Raises LoadTestError when no GPU is found here, as the CPU would be the wrong device to name.
    """
    device = read_device(on_gpu=on_gpu)
    if on_gpu and device.kind != "gpu":
        raise LoadTestError(
            f"Triton computes {model} on a GPU, and NVML finds none here: does "
            "CUDA_VISIBLE_DEVICES hide it, or is Triton on another machine?"
        )
    return device


def _commit() -> str | None:
    """Return the commit of this project, with "-dirty" where a tracked file is changed."""
    # not of another checkout that happens to contain this environment
    ours = (f"--git-dir={ROOT / '.git'}", f"--work-tree={ROOT}")
    describe = ("git", *ours, "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*")
    try:
        done = subprocess.run(describe, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None  # no git, or not a checkout
    return done.stdout.strip()
