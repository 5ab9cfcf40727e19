"""Options, and what the tests of several folders share."""

import subprocess
import sys
from pathlib import Path

import pytest
from tokenizers import Tokenizer

from qa.windows import load_tokenizer

ROOT = Path(__file__).parent.parent
CHECKPOINT = ROOT / "checkpoints" / "electra-mini-squad"
# all ONNX files, for `make test-compat`, and what may answer on a CPU; tests/export makes the rest
VARIANTS = (
    "savedmodel_fp32 onnx_fp32 onnx_tf32 onnx_fp16 onnx_fp16_packed onnx_int8 "
    "openvino_bf16 openvino_int8"
)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--dataset", type=Path, help="SQuAD dev-v1.1.json(.gz), for the tests that need all of it"
    )
    parser.addoption("--parity", type=Path, help="models that tests/parity/hugging_face.py wrote")


@pytest.fixture
def dataset(request: pytest.FixtureRequest) -> Path:
    path = request.config.getoption("--dataset")
    if path is None:
        pytest.skip("needs --dataset with SQuAD's dev-v1.1")
    assert isinstance(path, Path)
    return path


@pytest.fixture(scope="session")
def tokenizer() -> Tokenizer:
    return load_tokenizer(CHECKPOINT / "tokenizer.json")


@pytest.fixture(scope="session")
def repository() -> Path:
    """A repository of the tests' own, so that a user's exported model is left alone."""
    folder = ROOT / "build" / "test-repository"
    subprocess.run(
        [
            *(sys.executable, "-m", "export", str(CHECKPOINT), "--variants", VARIANTS),
            *("--repository", str(folder), "--if-needed"),
        ],
        check=True,
        cwd=ROOT,
    )
    return folder
