"""The command: a run writes a folder for `make export`, or refuses its input in one line."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from export.checkpoint.reader import read_checkpoint
from export.checkpoint.tokenizer import read_tokenizer
from qa.metric import evaluate
from qa.squad import SAMPLE, read_examples
from qa.tokenizer import load_tokenizer
from tests.conftest import CHECKPOINT, ROOT
from tests.training.trainings import HERE, WITHOUT_EFFECT, train_sample
from training.evaluation import predict
from training.folder import write_tokenizer
from training.initial import read_initial

SETTINGS = ("batch_size=8", "epochs=0.1", "max_seq_len=128", "negatives=0.5")


@pytest.fixture(scope="module")
def squad(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first articles of the sample; one has the title of a held-out article."""
    articles = json.loads(SAMPLE.read_text())["data"][:8]
    articles[3]["title"] = "Airport"
    path = tmp_path_factory.mktemp("squad") / "squad.json"
    path.write_text(json.dumps({"data": articles}))
    return path


def _training(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "training", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def _settings(*settings: str) -> list[str]:
    return [part for each in settings for part in ("--set", each)]


def test_a_run_writes_what_make_export_reads(
    initial_folder: Path, squad: Path, tmp_path: Path
) -> None:
    settings = _settings(f"init={initial_folder}", *SETTINGS)
    _training(tmp_path, squad, "--dev", squad, *settings).check_returncode()
    result = json.loads((tmp_path / "training.json").read_text())
    assert result["recipe"]["init"] == str(initial_folder)
    assert result["scores"].keys() == {"held out", "held out, with unanswerable", "squad.json"}
    assert isinstance(result["null_threshold"], float)

    checkpoint = read_checkpoint(tmp_path)  # would raise for any tensor that is amiss
    assert checkpoint.ignored == checkpoint.notices == ()
    assert load_file(tmp_path / "model.safetensors")["qa_outputs.weight"].dtype == torch.float16
    # what is on disk is what was measured
    examples = read_examples(squad)
    model = read_initial(str(tmp_path)).model()
    tokenizer = load_tokenizer(tmp_path / "tokenizer.json")
    found = predict(model, tokenizer, examples, 128, HERE)
    scores = evaluate(examples, [each.answer for each in found])
    assert scores.f1 == pytest.approx(result["scores"]["squad.json"]["f1"])
    card = (tmp_path / "README.md").read_text()
    assert f"| squad.json | {scores.exact_match:.2f} | {scores.f1:.2f} |" in card
    assert f"| init | {initial_folder} |" in card


def test_a_cased_tokenizer_stays_cased(tmp_path: Path) -> None:
    values = json.loads((CHECKPOINT / "tokenizer.json").read_bytes())
    values["normalizer"]["lowercase"] = False
    write_tokenizer(tmp_path, json.dumps(values))
    found = read_tokenizer(tmp_path, 30522, {})
    assert json.loads(found.text)["normalizer"]["lowercase"] is False


def test_going_on_from_a_training_and_the_mean_with_it(
    initial_folder: Path, squad: Path, tmp_path: Path
) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    _training(first, squad, *_settings(f"init={initial_folder}", *SETTINGS)).check_returncode()

    def weights(share: str) -> dict[str, torch.Tensor]:
        """What ``second`` is with that share; the first call trains, the next one resumes."""
        settings = _settings(f"init={first}", *SETTINGS, "seed=2", f"init_share={share}")
        _training(second, squad, *settings).check_returncode()
        return load_file(second / "model.safetensors")

    alone, mean, initial = weights("0"), weights("0.25"), load_file(first / "model.safetensors")
    assert not torch.equal(alone["qa_outputs.weight"], initial["qa_outputs.weight"])
    for name, tensor in mean.items():
        expected = 0.75 * alone[name].float() + 0.25 * initial[name].float()
        torch.testing.assert_close(tensor.float(), expected, rtol=2e-3, atol=1e-6)
    record = json.loads((second / "training.json").read_text())
    assert record["earlier"] == json.loads((first / "training.json").read_text())
    assert record["recipe"]["init_share"] == 0.25


def test_questions_that_look_answerable_choose_the_threshold(
    initial_folder: Path, squad: Path, tmp_path: Path
) -> None:
    settings = _settings(f"init={initial_folder}", *SETTINGS, "unanswerable=0.5")
    _training(tmp_path, squad, *settings).check_returncode()
    result = json.loads((tmp_path / "training.json").read_text())
    plausible = "held out, with unanswerable that look answerable"
    assert result["scores"].keys() == {"held out", plausible}
    total = result["scores"]["held out"]["total"]
    assert total < result["scores"][plausible]["total"] <= 2 * total
    assert isinstance(result["null_threshold"], float)


def test_a_run_that_rounds_as_int8(initial_folder: Path, squad: Path, tmp_path: Path) -> None:
    settings = _settings(f"init={initial_folder}", *SETTINGS, "quantized=true", "epochs=1")
    _training(tmp_path, squad, *settings).check_returncode()
    assert read_checkpoint(tmp_path).ignored == ()  # its tensors are the usual ones
    result = json.loads((tmp_path / "training.json").read_text())
    assert result["recipe"]["quantized"] is True
    rounded = result["scores"]["held out, rounded as in int8"]
    assert rounded["total"] == result["scores"]["held out"]["total"]


def test_seeds_have_a_folder_each_and_a_spread(
    initial_folder: Path, squad: Path, tmp_path: Path
) -> None:
    settings = _settings(f"init={initial_folder}", *SETTINGS, "negatives=0")
    _training(tmp_path, squad, "--seeds", 2, *settings).check_returncode()
    stability = json.loads((tmp_path / "stability.json").read_text())
    assert stability["seeds"] == [1, 2]
    one, other = (load_file(tmp_path / f"seed-{seed}" / "model.safetensors") for seed in (1, 2))
    assert not torch.equal(one["qa_outputs.weight"], other["qa_outputs.weight"])
    for spread in stability["spreads"]:
        assert spread["mean"] == pytest.approx(np.mean(spread["values"]))
        assert spread["deviation"] == pytest.approx(np.std(spread["values"], ddof=1))


@pytest.mark.parametrize(
    ("init", "content", "message"),
    [
        ("nowhere", None, "nowhere is neither a folder with a config.json nor owner/name"),
        (None, {"data": [{"title": "T", "paragraphs": [{"context": "c", "qas": [{"id": "7"}]}]}]},
         "question '7' of 'T' has no 'question'"),
        (None, {"data": []}, "holds no questions"),
        (None, {"data": [{"title": None, "paragraphs": [{"context": "c", "qas": [
            {"id": 7, "question": "q", "answers": [{"text": "x"}]}]}]}]},
         "no question is left to train on"),
    ],
)  # fmt: skip
def test_what_cannot_be_trained_is_one_line(
    initial_folder: Path, tmp_path: Path, init: str | None, content: object, message: str
) -> None:
    path = tmp_path / "train.json"
    path.write_text(json.dumps(content))
    done = _training(tmp_path / "out", path, *_settings(f"init={init or initial_folder}"))
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert message in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_question_without_its_answer_in_the_context_is_left_out_with_a_notice(
    initial_folder: Path, squad: Path, tmp_path: Path
) -> None:
    content = json.loads(squad.read_text())
    qas = content["data"][0]["paragraphs"][0]["qas"]
    qas[0]["answers"] = [{"text": "not [there]"}]
    path = tmp_path / "squad.json"
    path.write_text(json.dumps(content))
    dev = tmp_path / "dev.json"  # two questions with the same id, one of them without an answer
    dev.write_text(
        json.dumps(
            {"data": [{"paragraphs": [{"context": "磨坊主是林建國", "qas": [
                {"id": 1, "question": "誰", "answers": [{"text": "林建國"}]},
                {"id": "1", "question": "誰", "answers": [{"text": "", "answer_start": -1}]},
            ]}]}]}
        )
    )  # fmt: skip
    settings = _settings(f"init={initial_folder}", *SETTINGS, "negatives=0")
    done = _training(tmp_path / "out", path, "--dev", dev, *settings)
    done.check_returncode()
    said = " ".join(done.stdout.split())
    assert re.search(
        f"1 of [0-9]+ questions are left out, as none .*; the first: '{qas[0]['id']}' of "
        r"'.*', \['not \[there\]'\]",
        said,
    )
    assert "dev.json: warning: 100% of the gold answers are not words between spaces" in said
    result = json.loads((tmp_path / "out" / "training.json").read_text())
    assert result["scores"]["dev.json"]["total"] == 2


def test_files_of_one_name_are_refused(initial_folder: Path, squad: Path, tmp_path: Path) -> None:
    devs = ("--dev", squad, "--dev", squad)
    done = _training(tmp_path / "out", squad, *devs, *_settings(f"init={initial_folder}"))
    assert done.returncode == 1
    assert "give each file its own: squad.json, squad.json" in done.stderr


@pytest.mark.parametrize(
    ("share", "message"),
    [("2", "init_share is 2.0; it must be from 0 to 1"), ("0.5", "was not fine-tuned")],
)
def test_no_mean_of_what_is_none(
    initial_folder: Path, squad: Path, tmp_path: Path, share: str, message: str
) -> None:
    pretrained = tmp_path / "pretrained"
    shutil.copytree(initial_folder, pretrained)
    path = pretrained / "model.safetensors"
    weights = {name: each for name, each in load_file(path).items() if "qa_outputs" not in name}
    save_file(weights, path, metadata={"format": "pt"})
    settings = _settings(f"init={pretrained}", *SETTINGS, f"init_share={share}")
    done = _training(tmp_path / "out", squad, *settings)
    assert done.returncode == 1
    assert message in done.stderr


@pytest.mark.slow
def test_two_processes_train_as_one(initial_folder: Path, tmp_path: Path) -> None:
    settings = ("dropout=0", "precision=fp32")
    alone = train_sample(str(initial_folder), tmp_path / "one", *settings).state_dict()
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    child = ["-m", "tests.training.child", initial_folder, tmp_path / "two", *settings]
    subprocess.run([*command, *map(str, child)], cwd=ROOT, check=True)
    both = torch.load(tmp_path / "two" / "state.pt", weights_only=True)["model"]
    for name, tensor in alone.items():
        if not name.endswith(WITHOUT_EFFECT):
            torch.testing.assert_close(both[name], tensor, atol=1e-4, rtol=0)
