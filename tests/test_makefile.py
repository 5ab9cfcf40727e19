"""Every value that `make` is given reaches a command as it was typed, and never runs."""

import os
import re
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.conftest import ROOT

MAKEFILE = (ROOT / "Makefile").read_text()
HOSTILE = (
    "a 'model\"; touch ran & touch ran | `touch ran` $(touch ran) $(shell touch ran) "
    "$HOME ${HOME} $$ # \\ * ~ %\nand a line"
)
# what a command of the load test reads from the environment by itself, by verb
READ = {
    "bench": "VARIANTS BATCHES SEQ INPUT DATASET BATCHES_PER_ROW SECONDS ROUNDS CLIENTS TRITON_URL",
    "loadtest": "USERS RATES SECONDS URL MODEL DATASET PROCESSES",
    "slo": "P99_MS SECONDS URL MODEL DATASET PROCESSES",
    "baseline": "CHECKPOINT BASELINE_PORT",
    "versus": "CHECKPOINT USERS ROUNDS SECONDS DATASET MODEL BASELINE_PORT",
    "loadgen": "VARIANT DATASET SECONDS SCENARIOS TRITON_URL",
    "compare": "A B",
}
LOADTEST = (*READ, "report", "capacity")  # the verbs that are commands of the load test
# what a value becomes, by verb and variable: {} is the value, NAME= one of the environment
VALUES: dict[str, dict[str, str]] = {
    "serve": {
        each: f"{each}={{}}"
        for each in ("ELECTRA_QA_MODEL", "ELECTRA_QA_PORT", "ELECTRA_QA_API_KEYS")
    },
    "export": {
        "CHECKPOINT": "{}",
        **{each: f"--{each.lower()}={{}}" for each in ("REVISION", "VARIANTS", "DATASET")},
        "CALIBRATION": "--calibration={}",
        "SEQ": "--sequence-length={}",
    },
    "eval": {
        each: f"{each}={{}}"
        for each in ("DATASET", "URL", "PORT", "MODEL", "TOP_K", "NULL_THRESHOLD", "OUTPUT")
    },
    **{verb: {each: f"{each}={{}}" for each in names.split()} for verb, names in READ.items()},
    "report": {"FILES": "{}", "OUTPUT": "OUTPUT={}"},
    "capacity": {
        **{"FILES": "{}", "CHECKPOINT": "--repository={}"},
        **{each: f"{each}={{}}" for each in ("RATES", "P99_MS", "DATASET")},
    },
    "test": {"DATASET": "--dataset={}"},
    "test-thorough": {"DATASET": "--dataset={}"},
    "test-slow": {"DATASET": "--dataset={}"},
    "test-compat": {"REPOSITORY": "--repository={}"},
    "pretrain": {
        **{"OUTPUT": "{}", "TEXTS": "{}", "TRAIN": "{}", "PROCESSES": "--nproc-per-node={}"},
        **{each: f"--set={each.lower()}={{}}" for each in ("INIT", "PRECISION", "EPOCHS")},
    },
    "train": {
        **{"OUTPUT": "{}", "TRAIN": "{}", "DATASET": "{}", "DEV": "--dev={}"},
        **{"SEEDS": "--seeds={}", "PROCESSES": "--nproc-per-node={}"},
        "SQUAD": "../shared/squad/train-v{}.json.gz",
        "SQUAD_FOLDER": "{}/train-v1.1.json.gz",
        **{each: f"--set={each.lower()}={{}}" for each in ("INIT", "PRECISION", "EPOCHS")},
    },
    "throughput": {"SIZES": "--sizes={}"},
}
VALUES["loadtest"]["WEB"] = "web"
# lists, whose words arrive one by one
LISTS: dict[tuple[str, str], Callable[[Sequence[str]], list[str]]] = {
    ("serve", "ELECTRA_QA_MODEL"): lambda words: [f"--variants={' '.join(words)}"],
    ("serve", "ELECTRA_QA_MODELS"): lambda words: [f"--variants={' '.join(words)}"],
    ("report", "FILES"): list,
    ("capacity", "FILES"): list,
    ("pretrain", "TEXTS"): list,
    ("pretrain", "SETTINGS"): lambda words: [f"--set={each}" for each in words],
    ("train", "DEV"): lambda words: [f"--dev={each}" for each in words],
    ("train", "SETTINGS"): lambda words: [f"--set={each}" for each in words],
    ("test-compat", "ONLY"): list,
}
# the --help of each in one process, as most of their time is that of their imports
HELP = """
import runpy, sys
for command in sys.argv[1:]:
    print(end="\\f")
    sys.argv[1:] = [command, "--help"]
    try:
        runpy.run_module("loadtest", run_name="__main__", alter_sys=True)
    except SystemExit as ended:
        if ended.code:
            raise
"""
CASES = [(verb, name) for verb, names in VALUES.items() for name in names]
# in place of a Python: it keeps its environment and the words that it was given
RECORDER = """#!/bin/sh
{ env -0; printf '%s\\0' "$@"; } > "call.$$"
"""


@dataclass(frozen=True)
class Made:
    """What came of a make."""

    words: set[str]
    files: set[str]


def make(folder: Path, *arguments: str, **environment: str) -> Made:
    """Run the Makefile among commands that only keep what they were given."""
    environments = (".venv", *(f"build/{each}" for each in ("baseline", "training", "parity")))
    for each in (*environments, "build/compat/onnx", "build/compat/savedmodel"):
        (folder / each / "bin").mkdir(parents=True)
        for name in ("python", "pytest", "uv", "pip"):
            path = folder / each / "bin" / name
            path.write_text(RECORDER)
            path.chmod(0o755)
    sources = ("requirements.lock", "pyproject.toml", "loadtest/baselines/requirements.txt")
    for each in (*sources, "tests/compat/onnx.txt", "tests/compat/savedmodel.txt"):
        (folder / each).parent.mkdir(parents=True, exist_ok=True)
        (folder / each).touch()
    for each in (*environments, "build/compat/onnx", "build/compat/savedmodel"):
        (folder / each / ".set-up").touch()
    done = subprocess.run(
        ["make", "-f", ROOT / "Makefile", *arguments],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "HOME": "/nowhere", **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    calls = [path.read_text() for path in folder.glob("call.*")]
    assert done.returncode == 0, done.stderr
    return Made(set("".join(calls).split("\0")), {path.name for path in folder.iterdir()})


@pytest.mark.parametrize("way", ["argument", "environment"])
@pytest.mark.parametrize(("verb", "name"), CASES)
def test_a_value_arrives_as_it_was_typed(verb: str, name: str, way: str, tmp_path: Path) -> None:
    (tmp_path / HOSTILE).touch()  # of a list of paths: the only one
    if way == "argument":
        made = make(tmp_path, verb, f"{name}={HOSTILE}")
    else:
        made = make(tmp_path, verb, **{name: HOSTILE})
    assert VALUES[verb][name].format(HOSTILE) in made.words
    assert "ran" not in made.files


@pytest.fixture(scope="module")
def helps() -> dict[str, str]:
    """What the load test's command of each verb says to ``--help``."""
    commands = {"load" if verb == "loadtest" else verb: verb for verb in LOADTEST}
    said = subprocess.run(
        [sys.executable, "-c", HELP, *commands],
        env={**os.environ, "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    ).stdout
    return dict(zip(commands.values(), said.split("\f")[1:], strict=True))


@pytest.mark.parametrize("verb", LOADTEST)
def test_the_load_test_reads_the_variables_by_itself(verb: str, helps: dict[str, str]) -> None:
    left = {name for name, value in VALUES[verb].items() if value == f"{name}={{}}"}
    assert left
    assert left <= set(re.findall(r"\[env var: (\w+)\]", helps[verb]))


@pytest.mark.parametrize("name", ["MODEL", "PORT", "API_KEYS"])
def test_make_puts_the_prefix_before_a_setting(name: str, tmp_path: Path) -> None:
    made = make(tmp_path, "serve", f"{name}={HOSTILE}")
    assert f"ELECTRA_QA_{name}={HOSTILE}" in made.words
    assert "ran" not in made.files


@pytest.mark.parametrize(
    ("given", "served"),
    [
        ({"ELECTRA_QA_MODEL": "electra_qa_a", "MODEL": "other"}, "a"),
        ({"MODEL": "other", "MODELS": "another"}, ""),
    ],
)
def test_a_variable_of_the_shell_is_no_setting(
    given: Mapping[str, str], served: str, tmp_path: Path
) -> None:
    made = make(tmp_path, "serve", **given)
    assert f"--variants={served}" in made.words
    assert "ELECTRA_QA_MODEL=other" not in made.words


def test_what_is_for_the_environment_is_no_setting(tmp_path: Path) -> None:
    made = make(tmp_path, "serve", "GPU=", "PYTHON=python3", "MODELS=electra_qa_a,electra_qa_b")
    settings = {each for each in made.words if each.startswith("ELECTRA_QA_")}
    assert settings == {"ELECTRA_QA_MODELS=electra_qa_a,electra_qa_b"}
    assert "--variants=a b" in made.words


@pytest.mark.parametrize("way", ["argument", "environment"])
@pytest.mark.parametrize(("verb", "name"), LISTS)
def test_the_words_of_a_list(verb: str, name: str, way: str, tmp_path: Path) -> None:
    words = ("onnx;touch${IFS}ran", "$(shell:touch${IFS}ran)'&`touch`")
    value = " ".join(words)
    if way == "argument":
        made = make(tmp_path, verb, f"{name}={value}")
    else:
        made = make(tmp_path, verb, **{name: value})
    assert set(LISTS[verb, name](words)) <= made.words
    assert "ran" not in made.files


@pytest.mark.parametrize("way", ["argument", "environment"])
def test_a_python_by_any_path(way: str, tmp_path: Path) -> None:
    python = tmp_path / HOSTILE
    python.write_text(f'{RECORDER}echo "$0"\n')  # as embedded/interpreter.py would
    python.chmod(0o755)
    if way == "argument":
        made = make(tmp_path, "setup", "SETUP=.set-up", f"PYTHON={python}")
    else:
        made = make(tmp_path, "setup", "SETUP=.set-up", PYTHON=str(python))
    assert {"venv", ".venv"} <= made.words
    assert "ran" not in made.files


def test_every_variable_of_a_recipe_is_tried() -> None:
    used = set(re.findall(r"\$\$\{?([A-Z][A-Z0-9_]*)", MAKEFILE))
    for options in re.findall(r"call options,([^)]*)\)", MAKEFILE):
        used |= set(options.replace("\\", "").split())
    used |= set(re.findall(r"\$\((?:if |or |foreach each,)\$\(([A-Z]\w*)\)", MAKEFILE))
    tried = {name for names in VALUES.values() for name in names} | {name for _, name in LISTS}
    # those of make itself, and a switch between two environments
    assert used - {"NAME", "PYTHON", "SERVED", "GPU"} <= tried


def test_a_variable_of_ours_that_the_environment_has_too(tmp_path: Path) -> None:
    ours = set(re.findall(r"^(\w+) :?= ", MAKEFILE, re.MULTILINE))
    made = make(tmp_path, "bench", "SEQ=64", **dict.fromkeys(ours, "touch ran;"))
    assert "SEQ=64" in made.words
    assert "ran" not in made.files
