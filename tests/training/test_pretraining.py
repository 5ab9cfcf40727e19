"""Pre-training a small encoder on the sample of 200 questions."""

from pathlib import Path

import numpy as np
import pytest
import torch
import typer
from safetensors.torch import load_file
from typer.testing import CliRunner

from qa.squad import SAMPLE
from tests.training.trainings import HERE, QUIET, sample_windows
from training.batch import Batch, collate
from training.electra import Electra
from training.initial import read_initial
from training.loop import train
from training.pretraining.__main__ import main
from training.pretraining.evaluation import evaluate_detection
from training.pretraining.models import ReplacedTokenDetection, draw
from training.pretraining.objective import choose, detection_objective
from training.pretraining.recipe import PretrainingRecipe
from training.pretraining.run import make_pair, run, special_ids
from training.recipe import with_settings
from training.result import is_pretraining

RECIPE = PretrainingRecipe(
    batch_size=8,
    learning_rate=5e-3,
    max_seq_len=96,
    generator_hidden=16,
    generator_layers=1,
    generator_heads=2,
    precision="fp32",
)


@pytest.fixture
def batch(initial_folder: Path) -> Batch:
    return collate(sample_windows(str(initial_folder), count=16), torch.device("cpu"))


@pytest.fixture
def special(initial_folder: Path) -> list[int]:
    return special_ids(read_initial(str(initial_folder)))


def _pair(initial_folder: Path) -> ReplacedTokenDetection:
    return make_pair(read_initial(str(initial_folder)), RECIPE)


def test_a_share_of_each_window_is_chosen_and_never_a_special_token(
    batch: Batch, special: list[int]
) -> None:
    torch.manual_seed(0)
    times = torch.stack([choose(batch, 0.15, special) for _ in range(400)])
    ordinary = torch.tensor(
        [[token not in special for token in row] for row in batch.input_ids.tolist()]
    )
    counts = (ordinary.sum(-1) * 0.15).round()
    assert torch.equal(times.sum(-1), counts.long().expand(400, -1))
    assert not times[:, ~ordinary].any()
    rates = times.float().mean(0)[ordinary]  # every token is as likely as any other
    assert rates.min() > 0.15 - 5 * (0.15 * 0.85 / 400) ** 0.5
    assert rates.max() < 0.15 + 5 * (0.15 * 0.85 / 400) ** 0.5


def test_tokens_are_drawn_as_likely_as_the_softmax_says() -> None:
    torch.manual_seed(0)
    logits = torch.tensor([0.0, 1.0, -1.0, 2.0])
    drawn = draw(logits.expand(20000, -1))
    shares = np.bincount(drawn.numpy(), minlength=4) / 20000
    np.testing.assert_allclose(shares, logits.softmax(-1), atol=0.02)


def test_the_loss_is_as_computed_by_hand(
    initial_folder: Path, batch: Batch, special: list[int]
) -> None:
    model = _pair(initial_folder).eval()
    torch.manual_seed(3)
    loss = float(detection_objective(RECIPE, special)(model, batch).detach())

    torch.manual_seed(3)  # the same tokens, drawn again
    chosen = choose(batch, RECIPE.replaced, special)
    with torch.inference_mode():
        found = model(*batch.inputs, chosen)
    logits, replaced = found.logits.double().numpy(), found.is_replaced.numpy()
    probability = 1 / (1 + np.exp(-logits))
    right = np.where(replaced, probability, 1 - probability)
    tokens = batch.attention_mask.numpy().astype(bool)
    guesses = found.guesses.double().numpy()
    truth = batch.input_ids[chosen].numpy()
    picked = guesses[np.arange(len(truth)), truth] - np.log(np.exp(guesses).sum(-1))
    assert loss == pytest.approx(-picked.mean() - 50 * np.log(right[tokens]).mean(), rel=1e-5)
    assert replaced.any()
    assert not replaced[~chosen.numpy()].any()  # only what was masked can be another token


def test_the_discriminator_reads_the_text_with_what_was_drawn(
    initial_folder: Path, batch: Batch, special: list[int]
) -> None:
    model = _pair(initial_folder).eval()
    truth = torch.full((30522,), -1e4)
    model.generator.bias.data = truth.index_fill(0, torch.tensor(2054), 1e4)  # always one word
    chosen = choose(batch, RECIPE.replaced, special)
    with torch.inference_mode():
        found = model(*batch.inputs, chosen)
        drawn = torch.where(chosen, 2054, batch.input_ids)
        hidden = model.electra(drawn, batch.attention_mask, batch.token_type_ids)
        head = model.discriminator_predictions
        dense = torch.nn.functional.gelu(head["dense"](hidden))
        expected = head["dense_prediction"](dense).squeeze(-1)
    assert torch.equal(found.is_replaced, chosen & (batch.input_ids != 2054))
    torch.testing.assert_close(found.logits, expected)


def test_pre_training_lowers_both_losses_and_can_be_stopped(
    initial_folder: Path, tmp_path: Path, special: list[int]
) -> None:
    windows = sample_windows(str(initial_folder))
    recipe = with_settings(RECIPE, ["epochs=4"])
    objective = detection_objective(recipe, special)

    def trained(folder: Path, *limits: int | None) -> ReplacedTokenDetection:
        folder.mkdir()
        for limit in limits:  # each goes on from the state of the one before
            model = _pair(initial_folder)
            train(model, windows, objective, recipe, HERE, folder, QUIET, steps_at_most=limit)
        return model

    model = trained(tmp_path / "whole", None)
    stopped = trained(tmp_path / "stopped", 7, None).state_dict()
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, stopped[name]), name

    def losses(model: ReplacedTokenDetection) -> tuple[float, float]:
        batch = collate(windows, torch.device("cpu"))
        torch.manual_seed(5)
        with torch.inference_mode():
            guessing = with_settings(RECIPE, ["detection_weight=0"])
            first = float(detection_objective(guessing, special)(model.eval(), batch))
            torch.manual_seed(5)
            both = float(detection_objective(RECIPE, special)(model, batch))
        return first, (both - first) / RECIPE.detection_weight

    before, after = losses(_pair(initial_folder)), losses(model)
    assert after[0] < before[0] - 0.3
    assert after[1] < before[1] - 0.2


@pytest.mark.parametrize("bias", [-1e4, 1e4])
def test_alarms_are_counted(
    initial_folder: Path, batch: Batch, special: list[int], bias: float
) -> None:
    model = _pair(initial_folder)
    torch.nn.init.constant_(model.discriminator_predictions["dense_prediction"].bias, bias)
    windows = sample_windows(str(initial_folder), count=16)
    found = evaluate_detection(model, windows, RECIPE, special, HERE)
    assert found.masked >= found.replaced > 0
    if bias < 0:
        assert (found.alarms, found.precision, found.recall) == (0, 0, 0)
    else:
        assert found.alarms == int(batch.attention_mask.sum())
        assert found.recall == 1
        assert found.precision == found.replaced / found.alarms


def test_the_folder_is_one_to_fine_tune_and_to_go_on_from(
    initial_folder: Path, tmp_path: Path
) -> None:
    recipe = with_settings(RECIPE, [f"init={initial_folder}", "epochs=0.5"])
    output = tmp_path / "pretrained"
    run(recipe, [SAMPLE], output, HERE, QUIET)
    state = torch.load(output / "state.pt", weights_only=True)["model"]
    initial = read_initial(str(output))
    assert initial.earlier is not None
    assert is_pretraining(initial.earlier)
    assert initial.earlier["recipe"]["init"] == str(initial_folder)
    model = initial.model()
    assert isinstance(model, Electra)
    before = read_initial(str(initial_folder)).weights
    for name, tensor in model.state_dict().items():
        if not name.startswith("qa_outputs."):
            torch.testing.assert_close(tensor, state[name], rtol=1e-3, atol=1e-6)
            frozen = "word_embeddings" in name
            assert torch.allclose(tensor, before[name], rtol=1e-3, atol=1e-6) is frozen, name
    head = "discriminator_predictions.dense.weight"
    again = make_pair(initial, RECIPE).state_dict()[head]
    torch.testing.assert_close(again, state[head], rtol=1e-3, atol=1e-6)
    assert not any(
        name.startswith("generator.") for name in load_file(output / "model.safetensors")
    )


def test_what_cannot_be_pre_trained_is_refused(tmp_path: Path) -> None:
    arguments = [str(tmp_path / "output"), str(tmp_path / "missing.txt"), "--set", "epochs=many"]
    app = typer.Typer()
    app.command()(main)
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 1
    assert "epochs is 'many'" in result.stderr
