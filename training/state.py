"""A training's state on disk, from which it resumes as if it had never stopped."""

import os
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from training.errors import TrainingError
from training.progress import Meter

FILE_NAME = "state.pt"

Settings = Mapping[str, Any]  # all that the trained weights depend on, by name


def save_state(
    folder: Path,
    settings: Settings,
    meter: Meter,
    model: torch.nn.Module,
    optimizer: torch.optim.Optimizer,
    scaler: torch.amp.GradScaler,
) -> None:
    """Write the state; a kill during the write leaves the one before.

    It holds no random state: each step seeds its own (training.loop).
    """
    state = {
        "settings": dict(settings),
        "meter": asdict(meter),
        "model": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "scaler": scaler.state_dict(),
    }
    temporary = folder / f"{FILE_NAME}.new"
    with temporary.open("wb") as file:
        torch.save(state, file)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(folder / FILE_NAME)


def load_state(
    folder: Path,
    settings: Settings,
    model: torch.nn.Module,
    optimizer: torch.optim.Optimizer,
    scaler: torch.amp.GradScaler,
    device: torch.device,
) -> Meter:
    """Load the state in ``folder`` into model, optimizer and scaler; return its meter.

    Without a state, they stay as they are and the meter is new. Raises TrainingError when the
    state has other settings.
    """
    path = folder / FILE_NAME
    if not path.exists():
        return Meter()
    state: dict[str, Any] = torch.load(path, map_location=device, weights_only=True)
    if differences := _differences(state["settings"], settings):
        raise TrainingError(
            f"{path} is of another training ({differences}); give another output, or remove it"
        )
    model.load_state_dict(state["model"])
    optimizer.load_state_dict(state["optimizer"])
    scaler.load_state_dict(state["scaler"])
    return Meter(**state["meter"])


def _differences(there: Settings, here: Settings) -> str:
    return ", ".join(
        f"{name} {there.get(name)!r}, not {here.get(name)!r}"
        for name in {**here, **there}
        if there.get(name) != here.get(name)
    )
