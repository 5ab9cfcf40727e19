"""Every value that `make` is given reaches a command as it was typed, and never runs."""

import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.conftest import ROOT

MAKEFILE = (ROOT / "Makefile").read_text()
HOSTILE = (
    "a 'model\"; touch ran & touch ran | `touch ran` $(touch ran) $(shell touch ran) "
    "$HOME ${HOME} $$ # \\ * ~ %\nand a line"
)
# what the command of a verb reads from the environment by itself
READ = {
    "bench": "VARIANTS BATCHES SEQ INPUT DATASET BATCHES_PER_ROW SECONDS ROUNDS CLIENTS TRITON_URL",
    "loadtest": "USERS RATES SECONDS URL MODEL DATASET PROCESSES",
    "slo": "P99_MS SECONDS URL MODEL DATASET PROCESSES",
    "baseline": "CHECKPOINT BASELINE_PORT",
    "versus": "CHECKPOINT USERS ROUNDS SECONDS DATASET MODEL BASELINE_PORT",
    "loadgen": "VARIANT DATASET SECONDS SCENARIOS TRITON_URL",
    "compare": "A B",
    "report": "FILES OUTPUT",
    "capacity": "FILES RATES P99_MS DATASET",
    "export": "CHECKPOINT REVISION VARIANTS DATASET CALIBRATION SEQ",
    "eval": "DATASET URL PORT MODEL TOP_K NULL_THRESHOLD OUTPUT",
}
COMMANDS = {
    **{verb: ("loadtest", verb) for verb in READ},
    **{"loadtest": ("loadtest", "load"), "export": ("export",), "eval": ("evaluation",)},
}
# the same of commands that have no --help, or need torch: tests/training has the --help of those
READ_ELSEWHERE = {
    "serve": "ELECTRA_QA_MODEL ELECTRA_QA_PORT ELECTRA_QA_API_KEYS",
    "test-compat": "REPOSITORY ONLY",
    "pretrain": "OUTPUT TEXTS TRAIN INIT PRECISION EPOCHS SETTINGS",
    "teacher": "OUTPUT TRAIN INIT PRECISION EPOCHS SETTINGS",
    "train": "OUTPUT TRAIN DEV INIT TEACHER PRECISION EPOCHS SETTINGS SEEDS",
    "throughput": "OUTPUT SIZES",
}
# what a value becomes, by verb and variable: {} is the value, NAME= one of the environment
VALUES: dict[str, dict[str, str]] = {
    verb: {each: f"{each}={{}}" for each in names.split()}
    for verb, names in {**READ, **READ_ELSEWHERE}.items()
}
VALUES["bench-gpu"] = {"VARIANTS": "--variants={}", "DATASET": "DATASET={}"}
VALUES |= {each: {"DATASET": "--dataset={}"} for each in ("test", "test-thorough", "test-slow")}
VALUES["capacity"]["CHECKPOINT"] = "--repository={}"
VALUES["loadtest"]["WEB"] = "web"
for each in ("pretrain", "teacher", "train"):
    VALUES[each]["PROCESSES"] = "--nproc-per-node={}"
for each in ("teacher", "train"):
    VALUES[each] |= {
        "DATASET": "TRAIN={}",
        "SQUAD": "TRAIN=squad/train-v{}.json",
        "SQUAD_FOLDER": "TRAIN={}/train-v1.1.json",
    }
# the --help of each in one process, as most of their time is that of their imports
HELP = """
import runpy, sys
for command in sys.argv[1:]:
    print(end="\\f")
    module, *words = command.split()
    sys.argv[1:] = [*words, "--help"]
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
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

    calls: list[set[str]]  # of each, its words and its environment
    files: set[str]

    @property
    def words(self) -> set[str]:
        """Those of all calls."""
        return set().union(*self.calls)


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
    return Made([set(each.split("\0")) for each in calls], {path.name for path in folder.iterdir()})


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
    """What the command of each verb says to ``--help``."""
    said = subprocess.run(
        [sys.executable, "-c", HELP, *(" ".join(COMMANDS[verb]) for verb in READ)],
        env={**os.environ, "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    ).stdout
    return dict(zip(READ, said.split("\f")[1:], strict=True))


@pytest.mark.parametrize("verb", READ)
def test_a_command_reads_its_variables_by_itself(verb: str, helps: dict[str, str]) -> None:
    assert set(READ[verb].split()) <= set(re.findall(r"\[env var: (\w+)\]", helps[verb]))


@pytest.mark.parametrize(
    ("verb", "given", "arrives"),
    [
        ("train", [], {"TRAIN=squad/train-v1.1.json"}),
        ("train", ["SQUAD=2.0"], {"DEV=squad/dev-v2.0.json"}),
        ("train", ["DEV=", "OUTPUT="], {"DEV=", "OUTPUT="}),  # none to evaluate on
        ("pretrain", ["SQUAD_FOLDER=a b"], {"TRAIN=a b/train-v1.1.json"}),
        ("report", [], {"FILES=results/*.json"}),
        ("report", ["FILES="], {"FILES=results/*.json"}),
        ("bench-gpu", ["VARIANTS="], {"--variants=onnx_fp16 onnx_fp16_packed onnx_tf32"}),
    ],
)
def test_what_is_left_out_or_empty(
    verb: str, given: Sequence[str], arrives: set[str], tmp_path: Path
) -> None:
    assert arrives <= make(tmp_path, verb, *given).words


@pytest.mark.parametrize("verb", ["serve", "bench", "loadtest", "slo", "versus", "loadgen"])
def test_what_a_verb_serves_is_fresh(verb: str, tmp_path: Path) -> None:
    """``export.refresh`` reads no variables; ``export`` would take these for its own."""
    variables = dict.fromkeys(("CHECKPOINT", "DATASET", "SEQ"), "of the verb")
    calls = make(tmp_path, verb, **variables).calls
    assert any("export.refresh" in each for each in calls)
    assert not any("export" in each for each in calls)


def test_an_export_on_a_gpu_is_of_the_bundled_checkpoint(tmp_path: Path) -> None:
    given = [f"{name}=of the bench" for name in ("CHECKPOINT", "REVISION", "SEQ", "CALIBRATION")]
    calls = make(tmp_path, "bench-gpu", "DATASET=dev.json", *given).calls
    (export,) = (each for each in calls if "export" in each)
    assert {"CHECKPOINT=", "REVISION=", "SEQ=", "CALIBRATION=", "DATASET=dev.json"} <= export
    assert not export & set(given)


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
@pytest.mark.parametrize("name", ["ELECTRA_QA_MODEL", "ELECTRA_QA_MODELS"])
def test_the_words_of_a_list(name: str, way: str, tmp_path: Path) -> None:
    value = "onnx;touch${IFS}ran $(shell:touch${IFS}ran)'&`touch`"
    if way == "argument":
        made = make(tmp_path, "serve", f"{name}={value}")
    else:
        made = make(tmp_path, "serve", **{name: value})
    assert f"--variants={value}" in made.words
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
    used |= set(re.findall(r"\$\((?:if |or )\$\(([A-Z]\w*)\)", MAKEFILE))
    tried = {name for names in VALUES.values() for name in names}
    tried |= {"ELECTRA_QA_MODELS"}
    # those of make itself, and a switch between two environments
    assert used - {"NAME", "PYTHON", "SERVED", "GPU"} <= tried


def test_a_variable_of_ours_that_the_environment_has_too(tmp_path: Path) -> None:
    ours = set(re.findall(r"^(\w+) :?= ", MAKEFILE, re.MULTILINE))
    made = make(tmp_path, "bench", "SEQ=64", **dict.fromkeys(ours, "touch ran;"))
    assert "SEQ=64" in made.words
    assert "ran" not in made.files
