"""The training loop: its first step by hand, and a training that is killed and resumed."""

import math
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from export.proof.reference import reference_logits
from tests.conftest import ROOT
from tests.training.trainings import (
    HERE,
    QUIET,
    RECIPE,
    WITHOUT_EFFECT,
    sample_windows,
    train_sample,
)
from training.batch import collate
from training.electra import Electra
from training.errors import TrainingError
from training.initial import read_initial
from training.loop import train
from training.objective import answer_objective, imitation_objective, marginal_loss
from training.recipe import with_settings
from training.windows import TrainingWindow


def _loss(model: Electra, windows: list[TrainingWindow]) -> float:
    with torch.inference_mode():
        batch = collate(windows, torch.device("cpu"))
        return float(marginal_loss(model.eval()(*batch.inputs), batch))


def _loss_by_hand(model: Electra, windows: list[TrainingWindow]) -> float:
    """The loss in numpy alone: the exporter's reference logits, and the likelihood's definition."""
    weights = {
        name.removeprefix("electra."): tensor.detach().numpy()
        for name, tensor in model.state_dict().items()
    }
    losses = []
    for window in windows:
        types = (np.arange(len(window)) >= window.context_position).astype(np.int32)
        logits = reference_logits(model.config, weights, window.input_ids, types)
        read = [0, *range(window.context_position, len(window) - 1)]
        for each, right in zip(logits, (window.starts, window.ends), strict=True):
            powers = np.exp(each.astype(np.float64))
            losses.append(-np.log(powers[list(right)].sum() / powers[read].sum()))
    return float(np.mean(losses))


def _below_the_head(name: str) -> int:
    if name.startswith("qa_outputs"):
        return 0
    return 2 - int(name.split(".")[3]) if "layer" in name else 3


def test_a_step_changes_the_loss_as_computed_by_hand(initial_folder: Path, tmp_path: Path) -> None:
    windows = sample_windows(str(initial_folder), count=8)
    settings = ["precision=fp32", "dropout=0", "warmup=0", "layer_decay=0.5", "clip=0.25"]
    recipe = with_settings(RECIPE, [*settings, "learning_rate=1e-4", "freeze_embeddings=false"])
    model = read_initial(str(initial_folder)).model()
    before = _loss_by_hand(model, windows)
    assert _loss(model, windows) == pytest.approx(before, rel=1e-5)

    batch = collate(windows, torch.device("cpu"))
    marginal_loss(model(*batch.inputs), batch).backward()
    gradients = {name: each.grad.double().numpy() for name, each in model.named_parameters()}
    norm = math.sqrt(sum((each**2).sum() for each in gradients.values()))
    assert norm > recipe.clip  # so that clipping is seen
    expected, rates, change = {}, {}, 0.0
    for name, parameter in model.named_parameters():
        # AdamW's first step: the running means are the gradient and its square
        value = parameter.detach().double().numpy()
        clipped = gradients[name] * recipe.clip / norm
        rates[name] = rate = recipe.learning_rate * 0.5 ** _below_the_head(name)
        decay = 0 if name.endswith("bias") or "LayerNorm" in name else recipe.weight_decay
        expected[name] = value - rate * decay * value - rate * clipped / (np.abs(clipped) + 1e-8)
        change += float((gradients[name] * (expected[name] - value)).sum())

    for each in model.parameters():
        each.grad = None
    train(model, windows, answer_objective(recipe), recipe, HERE, tmp_path, QUIET)
    for name, parameter in model.named_parameters():
        if not name.endswith(WITHOUT_EFFECT):
            found = parameter.detach().numpy()
            np.testing.assert_allclose(found, expected[name], rtol=0, atol=rates[name] / 20)
    after = _loss_by_hand(model, windows)
    assert _loss(model, windows) == pytest.approx(after, rel=1e-5)
    assert after - before == pytest.approx(change, rel=0.1)  # to first order
    assert after < before


def test_twenty_steps_lower_the_loss(initial_folder: Path, tmp_path: Path) -> None:
    windows = sample_windows(str(initial_folder))
    before = _loss(read_initial(str(initial_folder)).model(), windows)
    model = train_sample(str(initial_folder), tmp_path)
    assert _loss(model, windows) < before - 0.2


def test_killed_and_resumed_is_as_never_stopped(initial_folder: Path, tmp_path: Path) -> None:
    whole = train_sample(str(initial_folder), tmp_path / "whole").state_dict()
    killed = tmp_path / "killed"
    command = [sys.executable, "-m", "tests.training.child", str(initial_folder), str(killed)]
    for _ in range(2):
        before = (killed / "state.pt").stat().st_mtime_ns if killed.exists() else 0
        child = subprocess.Popen(command, cwd=ROOT)
        while not (killed / "state.pt").exists() or (
            (killed / "state.pt").stat().st_mtime_ns == before
        ):
            assert child.poll() is None, "it ended before it could be killed"
            time.sleep(0.001)
        child.send_signal(signal.SIGKILL)
        child.wait()
        state = torch.load(killed / "state.pt", weights_only=True)
        assert 0 < state["meter"]["step"] < 20
    resumed = train_sample(str(initial_folder), killed).state_dict()
    assert whole.keys() == resumed.keys()
    for name, tensor in whole.items():
        assert torch.equal(tensor, resumed[name]), name


def test_a_state_of_another_recipe_is_refused(initial_folder: Path, tmp_path: Path) -> None:
    train_sample(str(initial_folder), tmp_path, steps_at_most=1)
    with pytest.raises(TrainingError, match=r"another training \(seed 1, not 2\)"):
        train_sample(str(initial_folder), tmp_path, "seed=2")


def test_frozen_embeddings_stay(initial_folder: Path, tmp_path: Path) -> None:
    name = "electra.embeddings.word_embeddings.weight"
    before = read_initial(str(initial_folder)).weights[name]
    assert torch.equal(train_sample(str(initial_folder), tmp_path).state_dict()[name], before)


def test_a_teacher_is_imitated(initial_folder: Path, tmp_path: Path) -> None:
    windows = sample_windows(str(initial_folder), count=8)
    teacher = read_initial(str(initial_folder)).model(seed=7).eval()
    torch.nn.init.normal_(teacher.qa_outputs.weight, std=0.5)
    settings = ["teacher_weight=1", "epochs=20", "learning_rate=1e-2", "dropout=0"]
    model = read_initial(str(initial_folder)).model()
    batch = collate(windows, torch.device("cpu"))

    def distance() -> float:
        with torch.inference_mode():
            mine, theirs = model.eval()(*batch.inputs)[0], teacher(*batch.inputs)[0]
            return float((mine - theirs)[batch.read].std())

    before = distance()
    recipe = with_settings(RECIPE, settings)
    with torch.inference_mode():
        logits = torch.stack(teacher(*batch.inputs)).masked_fill(~batch.read, -torch.inf)
    kept = logits.log_softmax(-1).half().numpy()
    read = batch.read.numpy()
    taught = [replace(each, teacher=kept[:, at, read[at]]) for at, each in enumerate(windows)]
    train(model, taught, imitation_objective(recipe), recipe, HERE, tmp_path, QUIET)
    assert distance() < 0.8 * before


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("precision=fp16", "precision fp16 needs a GPU"),
        ("batch_size=161", "160 windows do not fill a batch of 161"),
        ("batch_size=9", "batch_size is 9; it must be a multiple of 2, the number of processes"),
    ],
)
def test_what_cannot_be_done_is_refused(
    initial_folder: Path, tmp_path: Path, setting: str, message: str
) -> None:
    world = 2 if "processes" in message else 1
    with pytest.raises(TrainingError, match=message):
        train_sample(str(initial_folder), tmp_path, setting, place=replace(HERE, world=world))
