"""The training loop: steps of AdamW, resumed from the saved state."""

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from training.batch import Batch, collate
from training.batches import epoch_batches
from training.errors import TrainingError
from training.optimizer import make_optimizer, set_rate
from training.place import Place, set_precision
from training.progress import Meter, progress_shown
from training.recipe import AFTERWARDS, BaseRecipe
from training.state import load_state, save_state
from training.windows import TrainingWindow

SECONDS_BETWEEN_STATES = 300

Objective = Callable[[nn.Module, Batch], Tensor]  # the loss of a model on a batch


def train(
    model: nn.Module,
    windows: Sequence[TrainingWindow],
    objective: Objective,
    recipe: BaseRecipe,
    place: Place,
    folder: Path,
    console: Console,
    *,
    steps_at_most: int | None = None,
    seconds_between_states: float = SECONDS_BETWEEN_STATES,
) -> Meter:
    """Train ``model`` in place on ``windows``; return the number of steps, their loss and cost.

    The training resumes from the state in ``folder``, if there is one. Its result is the same as
    if it had never stopped, because a step's batch and dropout depend only on the step's number.
    ``steps_at_most`` ends it early, but leaves the schedule of the learning rate as it is. Raises
    TrainingError for the state of another recipe or training set, for a precision that ``place``
    does not have, for a batch that cannot be split evenly, and for too few windows to fill one.
    """
    _check(recipe, len(windows), place)
    set_precision(recipe.precision, place.device)
    model.to(place.device).train()
    _freeze(model, recipe)
    optimizer = make_optimizer(model, recipe)
    scaler = torch.amp.GradScaler(place.device.type, enabled=recipe.precision == "fp16")
    settings = {name: each for name, each in asdict(recipe).items() if name not in AFTERWARDS}
    settings["windows"] = len(windows)
    meter = load_state(folder, settings, model, optimizer, scaler, place.device)
    whole = DistributedDataParallel(model) if place.world > 1 else model

    lengths = np.array([len(window) for window in windows])
    per_epoch = len(epoch_batches(lengths, recipe.batch_size, recipe.seed, 0))
    steps = round(recipe.epochs * per_epoch)
    last = min(steps, steps_at_most or steps)
    now = saved = time.monotonic()
    batches: list[NDArray[np.int64]] = []
    with progress_shown(meter, steps, console) as refresh:
        while (step := meter.step) < last:
            epoch, number = divmod(step, per_epoch)
            if not batches or number == 0:
                batches = epoch_batches(lengths, recipe.batch_size, recipe.seed, epoch)
            mine = batches[number][place.rank :: place.world]
            batch = collate([windows[each] for each in mine], place.device)
            torch.manual_seed(_seed(recipe.seed, step, place.rank))
            set_rate(optimizer, recipe, step, steps)
            loss = training_step(whole, batch, objective, recipe, optimizer, scaler)
            before, now = now, time.monotonic()
            meter.count(loss, int(lengths[batches[number]].sum()), now - before)
            refresh()
            if place.is_first and (now - saved >= seconds_between_states or meter.step == last):
                save_state(folder, settings, meter, model, optimizer, scaler)
                saved = now
    return meter


def _check(recipe: BaseRecipe, windows: int, place: Place) -> None:
    if recipe.batch_size % place.world:
        raise TrainingError(
            f"batch_size is {recipe.batch_size}; it must be a multiple of {place.world}, "
            "the number of processes"
        )
    if windows < recipe.batch_size:
        raise TrainingError(
            f"{windows} windows do not fill a batch of {recipe.batch_size}; lower batch_size"
        )


def _freeze(model: nn.Module, recipe: BaseRecipe) -> None:
    for name, parameter in model.named_parameters():
        if name.endswith("word_embeddings.weight"):
            parameter.requires_grad_(not recipe.freeze_embeddings)


def _seed(seed: int, step: int, rank: int) -> int:
    return int(np.random.SeedSequence([seed, step, rank]).generate_state(1)[0])


def training_step(
    model: nn.Module,
    batch: Batch,
    objective: Objective,
    recipe: BaseRecipe,
    optimizer: torch.optim.AdamW,
    scaler: torch.amp.GradScaler,
) -> float:
    """Take one step on ``batch``, at the optimizer's current rates; return the loss."""
    loss = objective(model, batch)
    scaler.scale(loss).backward()
    scaler.unscale_(optimizer)
    torch.nn.utils.clip_grad_norm_(model.parameters(), recipe.clip)
    scaler.step(optimizer)
    scaler.update()
    optimizer.zero_grad()
    return float(loss.detach())
