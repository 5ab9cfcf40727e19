"""A training's state on disk, from which it goes on as if it had never stopped."""

import os
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from training.errors import TrainingError
from training.progress import Meter

FILE_NAME = "state.pt"

Settings = Mapping[str, Any]  # all that the course of a training depends on, by name


def save_state(
    folder: Path,
    settings: Settings,
    meter: Meter,
    model: torch.nn.Module,
    optimizer: torch.optim.Optimizer,
    scaler: torch.amp.GradScaler,
) -> None:
    """Write what has been done until now; a kill in between leaves the state before.

    There is no random state in it: each step seeds its own (training.loop).
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
    """Read the state of ``folder`` into its owners; return what has been done, nothing without one.

    Raises TrainingError when its settings were others.
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
