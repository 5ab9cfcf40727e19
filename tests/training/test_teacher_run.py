"""The command that fine-tunes a teacher, and the one that trains a student by it."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from safetensors.torch import load_file

from qa.metric import evaluate
from qa.squad import SAMPLE, read_examples
from tests.conftest import ROOT
from tests.training.teachers import write_mpnet
from tests.training.trainings import HERE
from training.articles import is_held_out
from training.evaluation import predict_by
from training.teacher.reader import read_reader

SETTINGS = ("precision=fp32", "batch_size=8", "max_seq_len=96", "epochs=0.5")


@pytest.fixture(scope="module")
def squad(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first articles of the sample; one has the title of a held-out article."""
    articles = json.loads(SAMPLE.read_text())["data"][:6]
    articles[3]["title"] = "Airport"
    path = tmp_path_factory.mktemp("squad") / "squad.json"
    path.write_text(json.dumps({"data": articles}))
    return path


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_mpnet(tmp_path_factory.mktemp("mpnet"))


@pytest.fixture(scope="module")
def teacher(encoder: Path, squad: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the command writes when nothing stops it."""
    folder = tmp_path_factory.mktemp("teacher")
    subprocess.run(_command(folder, squad, encoder), cwd=ROOT, check=True)
    return folder


def _command(folder: Path, squad: Path, encoder: Path) -> list[str]:
    settings = [part for each in SETTINGS for part in ("--set", each)]
    command = [sys.executable, "-m", "training.teacher", str(folder), str(squad)]
    return [*command, "--init", str(encoder), *settings]


def test_what_is_written_is_what_was_measured(teacher: Path, squad: Path, encoder: Path) -> None:
    result = json.loads((teacher / "teacher.json").read_text())
    assert result["recipe"]["init"] == str(encoder)
    assert result["trained"]["step"] > 5
    examples = [each for each in read_examples(squad) if is_held_out(each.title)]
    loaded = read_reader(str(teacher))
    found = predict_by(
        loaded.reader, lambda question, context: loaded.layout.windows(question, context, 96),
        examples, HERE,
    )  # fmt: skip
    scores = evaluate(examples, [each.answer for each in found])
    assert scores.f1 == pytest.approx(result["scores"]["held out"]["f1"])
    assert scores.total == result["scores"]["held out"]["total"]
    before, after = (load_file(each / "model.safetensors") for each in (encoder, teacher))
    assert before.keys() == after.keys()
    name = "mpnet.encoder.layer.0.attention.attn.q.weight"
    assert not before[name].half().equal(after[name])


def test_killed_and_resumed_is_as_never_stopped(
    teacher: Path, squad: Path, encoder: Path, tmp_path: Path
) -> None:
    command = _command(tmp_path, squad, encoder)
    # as a module whose state is written after each step
    eager = "import runpy, sys, training.loop as loop; loop.train.__kwdefaults__.update("
    eager += "seconds_between_states=0); sys.argv[0] = 'teacher'; "
    eager += "runpy.run_module('training.teacher', run_name='__main__')"
    child = subprocess.Popen([command[0], "-c", eager, *command[3:]], cwd=ROOT)
    while not (tmp_path / "state.pt").exists():
        assert child.poll() is None, "it ended before it could be killed"
        time.sleep(0.001)
    child.send_signal(signal.SIGKILL)
    child.wait()
    assert not (tmp_path / "teacher.json").exists()
    subprocess.run(command, cwd=ROOT, check=True)
    written = (each / "model.safetensors" for each in (teacher, tmp_path))
    whole, resumed = map(load_file, written)
    assert whole.keys() == resumed.keys()
    for name, tensor in whole.items():
        assert tensor.equal(resumed[name]), name


def test_a_student_is_trained_by_it(
    teacher: Path, squad: Path, initial_folder: Path, tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "training", str(tmp_path), str(squad)]
    options = ["--init", str(initial_folder), "--teacher", str(teacher)]
    settings = [part for each in SETTINGS for part in ("--set", each)]
    subprocess.run([*command, *options, *settings], cwd=ROOT, check=True)
    assert list(tmp_path.glob("teacher/*.safetensors"))
    result = json.loads((tmp_path / "training.json").read_text())
    assert result["recipe"]["teacher"] == str(teacher)


def test_windows_longer_than_it_reads_are_refused(
    squad: Path, encoder: Path, tmp_path: Path
) -> None:
    command = [*_command(tmp_path, squad, encoder), "--set", "max_seq_len=400"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert f"max_seq_len is 400; {encoder} reads 384 tokens" in " ".join(done.stderr.split())
