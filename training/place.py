"""Where a training runs: one CPU, one GPU, or several processes that torchrun started."""

import os
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import torch

from training.errors import TrainingError

_AUTOCAST = {"bf16": torch.bfloat16, "fp16": torch.float16}


@dataclass(frozen=True)
class Place:
    """This process's device, its rank, and the number of processes."""

    device: torch.device
    rank: int = 0
    world: int = 1

    @property
    def is_first(self) -> bool:
        """Whether this process is the one that writes and reports."""
        return self.rank == 0

    @property
    def name(self) -> str:
        """The device, and how many there are, for a report."""
        if self.device.type == "cuda":
            kind = torch.cuda.get_device_name(self.device)
        else:
            capability = torch.backends.cpu.get_cpu_capability()
            kind = f"CPU, {torch.get_num_threads()} threads, {capability}"
        return kind if self.world == 1 else f"{self.world} x {kind}"

    def take_all_cores(self) -> None:
        """Have this process compute on the cores of the others too, which have ended."""
        if self.device.type == "cpu":
            torch.set_num_threads(torch.get_num_threads() * self.world)

    def synchronize(self) -> None:
        """Wait until the device has finished its work."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)


def find_place() -> Place:
    """Return this process's place, on a GPU if there is one; join the others of torchrun."""
    rank, world = int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))
    if torch.cuda.is_available():
        device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
        torch.cuda.set_device(device)
    else:
        device = torch.device("cpu")
    if world > 1:
        torch.distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")
    return Place(device, rank, world)


def set_precision(precision: str, device: torch.device) -> None:
    """Allow TF32 or not; raise TrainingError for a precision that ``device`` does not have."""
    if precision in ("tf32", "fp16") and device.type != "cuda":
        raise TrainingError(f"precision {precision} needs a GPU; on a CPU take bf16 or fp32")
    torch.backends.cuda.matmul.allow_tf32 = precision == "tf32"
    torch.backends.cudnn.allow_tf32 = precision == "tf32"


def autocast(precision: str, device: torch.device) -> AbstractContextManager[object]:
    """Return the context in which matrix products are computed in ``precision``."""
    if precision not in _AUTOCAST:
        return nullcontext()
    context: AbstractContextManager[object] = torch.autocast(device.type, _AUTOCAST[precision])
    return context
