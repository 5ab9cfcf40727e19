"""What ``python -m loadtest sessions`` times, on a simulated GPU."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console
from rich.table import Table

from embedded.backends.providers import CPU, CUDA
from export.triton_config import config_text
from export.variants import variant_named
from loadtest.batches import sessions
from loadtest.batches.inputs import read_examples, read_tokenizer
from loadtest.batches.sessions import session_table
from loadtest.errors import LoadTestError
from qa.squad import SAMPLE
from tests.conftest import CHECKPOINT, ROOT
from tests.embedded.test_onnx_session import file as contract_file
from tests.simulated_gpu import A100, simulate

FP16 = variant_named("onnx_fp16")
file = contract_file  # a graph of the tensor contract


@pytest.fixture
def repository(file: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "repository"
    model = folder / FP16.model_name
    (model / "1").mkdir(parents=True)
    shutil.copyfile(file, model / "1" / "model.onnx")
    (model / "config.pbtxt").write_text(config_text(FP16, 384))
    shutil.copyfile(CHECKPOINT / "tokenizer.json", folder / "tokenizer.json")
    return folder


def timed(repository: Path, model: str = FP16.model_name) -> Table:
    tokenizer = read_tokenizer(repository / "tokenizer.json")
    questions = read_examples(SAMPLE)
    return session_table(repository / model, tokenizer, questions, [1, 20], 0)


def test_a_gpu_is_timed_in_every_way(
    repository: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    seen = simulate(monkeypatch, A100)
    monkeypatch.setattr(sessions, "serving_gpu", lambda: A100)
    Console(width=120).print(timed(repository))
    options = {"enable_skip_layer_norm_strict_mode": "1", "device_id": "0"}
    assert seen.providers == [[(CUDA, options), (CPU, {})]]
    text = capsys.readouterr().out
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in text.splitlines()]
    assert [row[:3] for row in rows if row and row[0] in ("1", "20")] == [
        [batch, device, bound]
        for batch in ("1", "20")
        for device in ("a CPU", "a GPU")
        for bound in ("no", "yes")
    ]
    assert {(8, length) for length in sessions.SHAPES} <= set(seen.shapes)
    assert (20, 384) not in seen.shapes  # lengths of SQuAD, in multiples of 64


def test_what_is_not_there_is_said(repository: Path) -> None:
    with pytest.raises(LoadTestError, match=r"config.pbtxt: No such file .*; run make export"):
        timed(repository, "electra_qa_onnx_fp33")
    (repository / FP16.model_name / "1" / "model.onnx").unlink()
    with pytest.raises(LoadTestError, match=r"model\.onnx; run make export"):
        timed(repository)


def test_batches_that_are_no_numbers() -> None:
    options = ("--variants", "onnx_fp16", "--batches", "8 x", "--repository", str(CHECKPOINT))
    command = (sys.executable, "-m", "loadtest", "sessions", *options)
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr == "error: --batches '8 x': give whole numbers above 0, as in '1 2 4'\n"
