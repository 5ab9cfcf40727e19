"""The model card: the figures of its run, and where its weights are from."""

import pytest

from qa.metric import Scores
from tests.training.conftest import CONFIG
from training.card import model_card
from training.electra import Electra
from training.initial import MINILM
from training.progress import Meter
from training.recipe import Recipe
from training.result import Record, Result


def card(init: str, null_threshold: float | None = None, earlier: Record | None = None) -> str:
    scores = {"dev.json": Scores(exact_match=1.234, f1=5.678, total=9000)}
    trained = Meter(step=10, tokens=4000, seconds=2)
    result = Result(Recipe(init=init), 500, trained, "a CPU", null_threshold, scores, earlier)
    return model_card("mini", Electra(CONFIG), result)


def test_it_has_the_figures() -> None:
    text = card("elsewhere", 1.5)
    assert "| dev.json | 1.23 | 5.68 | 9,000 |" in text
    assert "Trained on 500 windows in 10 steps: 2,000 tokens/s on a CPU, 0:00:02" in text
    assert "more than 1.50 (`null_threshold`)" in text
    assert "null_threshold" not in card("elsewhere", None)


@pytest.mark.parametrize(("init", "is_said"), [(MINILM, True), ("google/electra-base", False)])
def test_minilm_is_named_and_licensed(init: str, is_said: bool) -> None:
    text = card(init, None)
    assert ("license: apache-2.0\nbase_model: sentence-transformers/" in text) is is_said
    assert ("*not* one of Google's" in text) is is_said


def test_the_trainings_before_are_told_and_what_the_first_began_with() -> None:
    pretraining: Record = {
        "recipe": {"init": MINILM, "epochs": 0.45, "learning_rate": 5e-4},
        "trained": {"tokens": 6_400_000, "seconds": 1561.0},
    }
    assert (
        f"initialised from `{MINILM}`,\ntrained on by replaced-token detection\n"
        "(`make pretrain`: 6.4 M tokens, 0:26:01),\nand fine-tuned"
    ) in card("build/pretrained", earlier=pretraining)
    training = {
        "recipe": {"init": "build/pretrained", "epochs": 2.25, "learning_rate": 2e-4},
        "trained": {"tokens": 35_400_000, "seconds": 5002.0},
        "scores": {},
        "earlier": pretraining,
    }
    text = card("build/first", earlier=training)
    assert (
        "6.4 M tokens, 0:26:01),\nfine-tuned before for 2.25 epochs at a rate of 0.0002\n"
        "(`make train`: 35.4 M tokens, 1:23:22),\nand fine-tuned"
    ) in text
    assert "sentence-transformers/" in text
