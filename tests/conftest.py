"""Options, and what the tests of several folders share."""

from pathlib import Path

import pytest
from tokenizers import Tokenizer

from qa.windows import load_tokenizer

ROOT = Path(__file__).parent.parent
CHECKPOINT = ROOT / "checkpoints" / "electra-mini-squad"


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
