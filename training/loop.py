"""The training itself: steps of AdamW, from wherever the last process stopped."""

import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console
from torch.nn.parallel import DistributedDataParallel

from training.batch import Batch, collate
from training.batches import epoch_batches
from training.electra import Electra
from training.errors import TrainingError
from training.loss import Logits, distillation_loss, marginal_loss
from training.optimizer import make_optimizer, set_rate
from training.place import Place, autocast, set_precision
from training.progress import Meter, progress_shown
from training.recipe import Recipe
from training.state import load_state, save_state
from training.windows import TrainingWindow

SECONDS_BETWEEN_STATES = 300


def train(
    model: Electra,
    windows: Sequence[TrainingWindow],
    recipe: Recipe,
    place: Place,
    folder: Path,
    console: Console,
    *,
    teacher: Electra | None = None,
    steps_at_most: int | None = None,
    seconds_between_states: float = SECONDS_BETWEEN_STATES,
) -> Meter:
    """Train ``model`` on ``windows``, in place; return the steps' count, loss and cost.

    The state in ``folder``, if there is one, is gone on with, and the result is the same as that
    of a training that never stopped: a step's batch and its dropout depend on its number alone.
    ``steps_at_most`` ends the training early, on the course of the whole one. Raises
    TrainingError for a state of another recipe or training set, for a precision that ``place``
    does not have, and for a batch that its processes cannot share or the windows do not fill.
    """
    _check(recipe, len(windows), place)
    set_precision(recipe.precision, place.device)
    model.to(place.device).train()
    model.electra["embeddings"].word_embeddings.weight.requires_grad_(not recipe.freeze_embeddings)
    if teacher is not None:
        teacher.to(place.device).eval()
    optimizer = make_optimizer(model, recipe)
    scaler = torch.amp.GradScaler(place.device.type, enabled=recipe.precision == "fp16")
    settings = {**asdict(recipe), "windows": len(windows)}
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
            loss = training_step(whole, batch, recipe, optimizer, scaler, teacher)
            before, now = now, time.monotonic()
            meter.count(loss, int(lengths[batches[number]].sum()), now - before)
            refresh()
            if place.is_first and (now - saved >= seconds_between_states or meter.step == last):
                save_state(folder, settings, meter, model, optimizer, scaler)
                saved = now
    return meter


def _check(recipe: Recipe, windows: int, place: Place) -> None:
    if recipe.batch_size % place.world:
        raise TrainingError(
            f"batch_size {recipe.batch_size} cannot be shared by {place.world} processes alike"
        )
    if windows < recipe.batch_size:
        raise TrainingError(
            f"{windows} windows do not fill a batch of {recipe.batch_size}; lower batch_size"
        )


def _seed(seed: int, step: int, rank: int) -> int:
    return int(np.random.SeedSequence([seed, step, rank]).generate_state(1)[0])


def training_step(
    model: torch.nn.Module,
    batch: Batch,
    recipe: Recipe,
    optimizer: torch.optim.AdamW,
    scaler: torch.amp.GradScaler,
    teacher: Electra | None = None,
) -> float:
    """Take one step on ``batch``, at the rates that ``optimizer`` has; return the loss."""
    device = batch.input_ids.device
    with autocast(recipe.precision, device):
        logits = model(*batch.inputs)
        theirs = _teacher_logits(teacher, batch)
    loss = marginal_loss(logits, batch)
    if theirs is not None:
        distance = distillation_loss(logits, theirs, batch, recipe.teacher_temperature)
        loss = torch.lerp(loss, distance, recipe.teacher_weight)
    scaler.scale(loss).backward()
    scaler.unscale_(optimizer)
    torch.nn.utils.clip_grad_norm_(model.parameters(), recipe.clip)
    scaler.step(optimizer)
    scaler.update()
    optimizer.zero_grad()
    return float(loss.detach())


def _teacher_logits(teacher: Electra | None, batch: Batch) -> Logits | None:
    if teacher is None:
        return None
    with torch.no_grad():
        logits: Logits = teacher(*batch.inputs)
    return logits
