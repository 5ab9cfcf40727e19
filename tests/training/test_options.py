"""What the commands read from flags, and from the environment variables that `make` passes."""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import typer
from typer.testing import CliRunner, Result

from training import __main__ as fine_tuning
from training import throughput
from training.place import Place
from training.pretraining import __main__ as pretraining
from training.pretraining.recipe import PretrainingRecipe
from training.recipe import Recipe
from training.run import Data
from training.teacher import __main__ as teacher
from training.teacher.recipe import TeacherRecipe

NAMED = "a 'folder\" of $HOME; `is` $(called) * "
VARIABLES = {
    fine_tuning: "OUTPUT TRAIN DEV INIT TEACHER PRECISION EPOCHS SETTINGS SEEDS",
    teacher: "OUTPUT TRAIN INIT PRECISION EPOCHS SETTINGS",
    pretraining: "OUTPUT TEXTS TRAIN INIT PRECISION EPOCHS SETTINGS",
    throughput: "OUTPUT SIZES",
}
Asked = list[tuple[Any, ...]]


def invoke(command: Callable[..., None], *arguments: str, environment: Mapping[str, str]) -> Result:
    app = typer.Typer()
    app.command()(command)
    unset = dict.fromkeys(" ".join(VARIABLES.values()).split())
    return CliRunner().invoke(app, arguments, env={**unset, **environment})


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Asked:
    """What is to be run: its recipe, its data and its folder."""
    runs: Asked = []
    for command in (fine_tuning, pretraining, teacher):
        monkeypatch.setattr(command, "run", lambda *given: runs.append(given[:3]))
    return runs


def run(command: ModuleType, *arguments: str, **environment: str) -> None:
    result = invoke(command.main, *arguments, environment=environment)
    assert result.exit_code == 0, result.output


@pytest.mark.parametrize("command", VARIABLES, ids=lambda command: command.__name__)
def test_the_help_names_every_variable(command: ModuleType) -> None:
    said = invoke(command.main, "--help", environment={"COLUMNS": "200"}).stdout
    found = re.findall(r"\[env var: ([A-Z, ]+)\]", said)
    assert set(", ".join(found).split(", ")) == set(VARIABLES[command].split())


def test_fine_tuning_by_variables(asked: Asked, tmp_path: Path) -> None:
    variables = {
        **dict.fromkeys(("OUTPUT", "TRAIN", "INIT", "TEACHER"), NAMED),
        **{"PRECISION": "fp32", "EPOCHS": "0.5", "SEEDS": "2"},
        "SETTINGS": "dropout=0  seed=3",
        "DEV": f"{tmp_path}/1.json 'b':c.json",
    }
    run(fine_tuning, **variables)
    recipe = Recipe(init=NAMED, teacher=NAMED, precision="fp32", epochs=0.5, dropout=0, seed=3)
    dev = (tmp_path / "1.json", Path("'b':c.json"))
    data = Data(Path(NAMED), dev)
    assert asked == [
        (recipe, data, Path(NAMED) / "seed-3"),
        (replace(recipe, seed=4), data, Path(NAMED) / "seed-4"),
    ]


def test_a_path_to_evaluate_on_may_have_spaces(asked: Asked, tmp_path: Path) -> None:
    path = tmp_path / NAMED
    path.touch()
    run(fine_tuning, TRAIN="train.json", DEV=str(path))
    assert asked[0][1].dev == (path,)


def test_what_is_unset_or_empty_is_left_out(asked: Asked) -> None:
    run(fine_tuning, TRAIN="train.json")
    run(fine_tuning, **dict.fromkeys(VARIABLES[fine_tuning].split(), "") | {"TRAIN": "train.json"})
    data = Data(Path("train.json"), ())
    assert asked == [(Recipe(), data, Path("build/trained"))] * 2


def test_flags_have_precedence(asked: Asked) -> None:
    flags = ["out", "train.json", "--dev", "a b", "--dev", "c:d", "--seeds=1"]
    flags += ["--precision=fp32", "--epochs=1", "--set=dropout=0"]
    run(fine_tuning, *flags, **dict.fromkeys(VARIABLES[fine_tuning].split(), "7"))
    recipe, data, folder = asked[0]
    assert recipe == Recipe(init="7", teacher="7", precision="fp32", epochs=1, dropout=0)
    assert data == Data(Path("train.json"), (Path("a b"), Path("c:d")))
    assert folder == Path("out")


def test_settings_come_last(asked: Asked) -> None:
    run(fine_tuning, TRAIN="train.json", EPOCHS="1", SETTINGS="epochs=2")
    assert asked[0][0] == Recipe(epochs=2)


def test_pre_training_by_variables(asked: Asked) -> None:
    run(pretraining, TEXTS="a.json b.txt", TRAIN="train.json", INIT=NAMED, SETTINGS="dropout=0")
    run(pretraining, TEXTS="", TRAIN="train.json", OUTPUT=NAMED)
    recipe = PretrainingRecipe(init=NAMED, dropout=0)
    assert asked == [
        (recipe, [Path("a.json"), Path("b.txt")], Path("build/pretrained")),
        (PretrainingRecipe(), [Path("train.json")], Path(NAMED)),
    ]


def test_a_teacher_by_variables(asked: Asked) -> None:
    run(teacher, TRAIN=NAMED, INIT=NAMED, OUTPUT=NAMED, EPOCHS="1", SETTINGS="negatives=0")
    recipe = TeacherRecipe(init=NAMED, epochs=1, negatives=0)
    assert asked == [(recipe, Path(NAMED), Path(NAMED))]


@pytest.mark.parametrize(
    "command", [fine_tuning, pretraining, teacher], ids=lambda each: each.__name__
)
def test_without_anything_to_learn_from(command: ModuleType) -> None:
    said = invoke(command.main, environment={"TRAIN": ""})
    assert said.exit_code == 2
    assert "Missing argument" in said.output


def test_throughput_by_variables(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    sizes: list[str] = []

    def measure(size: str, precision: str, *_: int | Place) -> throughput.Measured:
        sizes.append(size)
        return throughput.Measured(size, precision, 1, 16, (1.0,))

    monkeypatch.setattr(throughput, "measure", measure)
    run(throughput, SIZES="mini base", OUTPUT=str(tmp_path / NAMED))
    assert set(sizes) == {"mini", "base"}
    assert list(tmp_path.iterdir()) == [tmp_path / NAMED]
