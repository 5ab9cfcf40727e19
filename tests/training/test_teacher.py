"""A teacher that transformers loads: what it says to the student's windows, kept in files."""

import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from qa.squad import SAMPLE, read_examples
from qa.windows import make_windows
from tests.conftest import CHECKPOINT, ROOT
from tests.training.teachers import LONGEST, Write, write_bert, write_mpnet, write_roberta
from tests.training.teaching import teach_sample
from tests.training.trainings import HERE, QUIET, RECIPE, sample_windows
from training.batch import collate
from training.errors import TrainingError
from training.evaluation import model_logits
from training.initial import read_initial
from training.loop import train
from training.objective import distillation_loss, imitation_objective
from training.optimizer import make_optimizer
from training.recipe import with_settings
from training.teacher.pieces import Piece, pieces
from training.teacher.reader import Loaded, read_reader
from training.teacher.teach import distributions
from training.windows import TrainingWindow

Parts = dict[str, bytes]


@pytest.fixture(scope="module")
def roberta(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_roberta(tmp_path_factory.mktemp("roberta"))


def _parts(folder: Path) -> Parts:
    return {each.name: each.read_bytes() for each in (folder / "teacher").iterdir()}


def _logits_alone(loaded: Loaded, question: str, context: str) -> list[np.ndarray]:  # type: ignore[type-arg]
    """What transformers gives for one window, by its own tokenizer, at what is read."""
    encoded = loaded.tokenizer(
        question,
        context,
        return_tensors="pt",
        truncation="only_second",
        max_length=loaded.longest,
        return_token_type_ids=loaded.reader.has_types,
    )
    with torch.inference_mode():
        found = loaded.reader.model.eval()(**encoded)
    sides = encoded.sequence_ids(0)
    read = [0, *(at for at, side in enumerate(sides) if side == 1)]
    return [each[0, read].numpy() for each in (found.start_logits, found.end_logits)]


@pytest.mark.parametrize("write", [write_bert, write_roberta, write_mpnet])
def test_a_teacher_reads_as_transformers_does(write: Write, tmp_path: Path) -> None:
    loaded = read_reader(str(write(tmp_path)))
    examples = read_examples(SAMPLE)[:5]
    all_windows = [loaded.windows(each.question, each.context) for each in examples]
    logits = model_logits(loaded.reader.eval(), all_windows, HERE)
    first = 0
    for example, windows in zip(examples, all_windows, strict=True):
        read = [0, *windows.context_position + np.arange(windows.lengths[0])]
        expected = _logits_alone(loaded, example.question, example.context)
        for mine, theirs in zip(logits, expected, strict=True):
            np.testing.assert_allclose(mine[first, read], theirs, rtol=1e-3, atol=1e-3)
        first += len(windows)
    assert first > len(examples) or write is not write_roberta  # its windows are short


def test_rates_fall_with_the_depth_below_the_head(tmp_path: Path) -> None:
    reader = read_reader(str(write_mpnet(tmp_path))).reader
    groups = make_optimizer(reader, replace(RECIPE, layer_decay=0.5)).param_groups
    found = {id(each): group for group in groups for each in group["params"]}
    scales = {
        "qa_outputs.weight": 1.0,
        "mpnet.encoder.layer.1.attention.attn.q.weight": 0.5,
        "mpnet.encoder.layer.0.output.dense.weight": 0.25,
        "mpnet.encoder.relative_attention_bias.weight": 0.125,
        "mpnet.embeddings.position_embeddings.weight": 0.125,
    }
    for name, weights in reader.model.named_parameters():
        group = found[id(weights)]
        assert group["scale"] == scales.get(name, group["scale"])
        is_exempt = name.endswith(".bias") or "LayerNorm" in name
        assert (group["weight_decay"] == 0) is is_exempt
    assert scales.keys() <= dict(reader.model.named_parameters()).keys()


def test_one_of_our_checkpoints_gives_its_own_distributions() -> None:
    """By the same tokenizer, nothing is moved."""
    example = read_examples(SAMPLE)[0]
    ours = read_initial(str(CHECKPOINT))
    windows = make_windows(ours.tokenizer, example.question, example.context, sequence_length=384)
    start, end = model_logits(ours.model().eval(), [windows], HERE)
    read = [0, *windows.context_position + np.arange(windows.lengths[0])]
    (piece,) = pieces(lambda *_: windows, [example])
    loaded = read_reader(str(CHECKPOINT))
    (found,) = distributions(loaded, [piece], "fp32", HERE, lambda *_: None)
    for row, logits in zip(found, (start, end), strict=True):
        expected = torch.from_numpy(logits[0, read]).log_softmax(-1)
        np.testing.assert_allclose(row, expected, rtol=2e-3, atol=2e-3)


def test_a_piece_that_is_too_long_loses_its_tail(roberta: Path) -> None:
    loaded = read_reader(str(roberta))
    assert loaded.longest == LONGEST
    words = [f"{number}" for number in range(100)]
    edges = np.cumsum([0, *(len(each) + 1 for each in words)])
    offsets = np.stack([edges[:-1], edges[1:] - 1], axis=1)
    pieces = [Piece("who?", " ".join(words), offsets), Piece("who?", "\x00", offsets[:1])]
    found = distributions(loaded, pieces, "fp32", HERE, lambda *_: None)
    shares = np.exp(found[0].astype("f8"))
    assert shares.sum(1) == pytest.approx([1, 1], abs=5e-3)
    assert (shares[:, -10:] == 0).all()
    assert (shares[:, 1:20] > 0).any()


def test_killed_and_resumed_is_as_never_stopped(
    initial_folder: Path, roberta: Path, tmp_path: Path
) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    for each in (whole, killed):
        each.mkdir()
    windows = teach_sample(str(initial_folder), roberta, whole)
    expected = _parts(whole)
    assert len(expected) > 4
    command = [sys.executable, "-m", "tests.training.teaching"]
    child = subprocess.Popen([*command, initial_folder, roberta, killed], cwd=ROOT)
    while not list(killed.glob("teacher/*.safetensors")):
        assert child.poll() is None, "it ended before it could be killed"
        time.sleep(0.001)
    child.send_signal(signal.SIGKILL)
    child.wait()
    for leftover in killed.glob("teacher/*.new"):
        leftover.unlink()
    there = _parts(killed)
    assert there.items() <= expected.items()
    (killed / "teacher" / max(there)).unlink()  # so that one is missing, if it was too fast
    resumed = teach_sample(str(initial_folder), roberta, killed)
    assert _parts(killed) == expected
    for one, other in zip(windows, resumed, strict=True):
        assert one.teacher is not None
        assert other.teacher is not None
        np.testing.assert_array_equal(one.teacher, other.teacher)


def test_two_processes_keep_the_same_as_one(
    initial_folder: Path, roberta: Path, tmp_path: Path
) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    for each in (one, two):
        each.mkdir()
    teach_sample(str(initial_folder), roberta, one)
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    child = ["--nproc-per-node=2", "-m", "tests.training.teaching"]
    subprocess.run([*torchrun, *child, initial_folder, roberta, two], cwd=ROOT, check=True)
    assert _parts(two) == _parts(one)


def test_what_is_kept_needs_no_teacher_any_more(
    initial_folder: Path, roberta: Path, tmp_path: Path
) -> None:
    teacher = shutil.copytree(roberta, tmp_path / "teacher-that-goes")
    before = teach_sample(str(initial_folder), teacher, tmp_path)
    shutil.rmtree(teacher)
    after = teach_sample(str(initial_folder), teacher, tmp_path)
    for one, other in zip(before, after, strict=True):
        assert one.teacher is not None
        assert other.teacher is not None
        np.testing.assert_array_equal(one.teacher, other.teacher)


def test_a_part_of_something_else_is_refused(
    initial_folder: Path, roberta: Path, tmp_path: Path
) -> None:
    teacher = shutil.copytree(roberta, tmp_path / "other")
    teach_sample(str(initial_folder), teacher, tmp_path)
    with pytest.raises(TrainingError, match=r"00000.safetensors was made from another teacher "):
        teach_sample(str(initial_folder), roberta, tmp_path)
    weights = load_file(teacher / "model.safetensors")
    weights["qa_outputs.bias"] += 1
    save_file(weights, teacher / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(TrainingError, match="made from another weights"):
        teach_sample(str(initial_folder), teacher, tmp_path)
    shutil.rmtree(teacher)
    first, second, *_ = sorted((tmp_path / "teacher").iterdir())
    first.write_bytes(second.read_bytes())
    with pytest.raises(TrainingError, match="made from another windows"):
        teach_sample(str(initial_folder), teacher, tmp_path)
    first.write_bytes(b"half")
    with pytest.raises(TrainingError, match=r"00000.safetensors is damaged \(.*\); remove it"):
        teach_sample(str(initial_folder), teacher, tmp_path)


def test_distillation_lowers_the_distance(
    initial_folder: Path, roberta: Path, tmp_path: Path
) -> None:
    windows = teach_sample(str(initial_folder), roberta, tmp_path)[:8]
    settings = ["teacher_weight=1", "epochs=20", "learning_rate=1e-2", "dropout=0"]
    recipe = with_settings(RECIPE, settings)
    model = read_initial(str(initial_folder)).model()
    batch = collate(windows, torch.device("cpu"))

    def distance() -> float:
        with torch.inference_mode():
            start, end = model.eval()(*batch.inputs)
            return float(distillation_loss((start, end), batch, temperature=1.0))

    before = distance()
    train(model, windows, imitation_objective(recipe), recipe, HERE, tmp_path, QUIET)
    assert distance() < 0.8 * before


def test_windows_without_a_teacher_make_batches_without(initial_folder: Path) -> None:
    windows: list[TrainingWindow] = sample_windows(str(initial_folder), count=2)
    assert collate(windows, torch.device("cpu")).teacher is None
    some = np.zeros((2, 1 + len(windows[0]) - windows[0].context_position - 1), dtype=np.float16)
    mixed = [replace(windows[0], teacher=some), windows[1]]
    assert collate(mixed, torch.device("cpu")).teacher is None


def test_a_pickle_is_read_unless_it_has_code(roberta: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(roberta, tmp_path / "pickled")
    weights = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    torch.save(weights, folder / "pytorch_model.bin")
    found = read_reader(str(folder)).reader.model.state_dict()
    assert torch.equal(found["qa_outputs.weight"], weights["qa_outputs.weight"])
    torch.save({**weights, "code": Path("x")}, folder / "pytorch_model.bin")
    with pytest.raises(TrainingError, match=r"transformers cannot load .*pickled"):
        read_reader(str(folder))


def test_what_cannot_teach_is_refused(
    roberta: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = shutil.copytree(roberta, tmp_path / "headless")
    path = folder / "model.safetensors"
    weights = load_file(path)
    headless = {name: each for name, each in weights.items() if "qa_outputs" not in name}
    save_file(headless, path, metadata={"format": "pt"})
    with pytest.raises(TrainingError, match=r"was not fine-tuned .* lack qa_outputs.bias; `make"):
        read_reader(str(folder))
    assert read_reader(str(folder), RECIPE).longest == LONGEST
    headless.popitem()
    save_file(headless, path, metadata={"format": "pt"})
    with pytest.raises(TrainingError, match="lack 1 tensors"):
        read_reader(str(folder), RECIPE)
    weights["qa_outputs.bias"][0] = torch.nan
    save_file(weights, path, metadata={"format": "pt"})
    with pytest.raises(TrainingError, match=r"not finite: qa_outputs.bias"):
        read_reader(str(folder))
    path.write_bytes(b"half")
    with pytest.raises(TrainingError, match=r"transformers cannot load .*headless"):
        read_reader(str(folder))
    with pytest.raises(TrainingError, match=r"transformers cannot load .*nowhere"):
        read_reader(str(tmp_path / "nowhere"))
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(TrainingError, match="needs transformers, which is not installed; the ext"):
        read_reader(str(roberta))
