"""Options, and what the tests of several folders share."""

import fcntl
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tokenizers import Tokenizer

from qa.proxies import excepting_this_machine
from qa.tokenizer import load_tokenizer

# the tests' own clients, httpx and tritonclient, talk to this machine alone
os.environ.update(excepting_this_machine(os.environ))
for each in ("all_proxy", "ALL_PROXY"):
    os.environ.pop(each, None)  # httpx refuses socks:// even where it is not used
os.environ.pop("DATASET", None)  # from `make test DATASET=`; commands would take it for theirs
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
    parser.addoption(
        "--triton",
        help="host:port of a running Triton's gRPC, which the gateways of tests/e2e ask in place "
        "of an embedded one; it serves an export of the bundled checkpoint",
    )
    parser.addoption("--parity", type=Path, help="models that tests/parity/hugging_face.py wrote")


def pytest_configure(config: pytest.Config) -> None:
    """Let Ctrl-C reach the tests, and have all gateways ask the Triton that ``--triton`` names."""
    # a shell has what it starts in the background ignore Ctrl-C, which tests send
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if url := config.getoption("--triton"):
        from tests.e2e.triton_under_test import settings_for  # not all environments have gRPC

        os.environ |= settings_for(url)


@pytest.hookimpl(trylast=True)  # when those of other marks are left out
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Begin with one file that has the models exported, and end with the others that need them.

    So of two workers one exports, while the other runs what needs no models.
    """
    waiting = list(dict.fromkeys(each.path for each in items if needs_models(each)))
    order = dict.fromkeys(waiting, 2) | dict.fromkeys(waiting[:1], 0)
    items.sort(key=lambda item: order.get(item.path, 1))
    if config.getoption("--triton"):
        skip = pytest.mark.skip(reason="needs the embedded Triton")
        for item in items:
            if item.get_closest_marker("embedded"):
                item.add_marker(skip)


def needs_models(item: pytest.Item) -> bool:
    return isinstance(item, pytest.Function) and "repository" in item.fixturenames


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
    return export_bundled(VARIANTS)


def export_bundled(variants: str) -> Path:
    """Return the tests' repository, with these ``variants`` of the bundled checkpoint."""
    folder = ROOT / "build" / "test-repository"
    command = [
        *(sys.executable, "-m", "export.refresh", str(CHECKPOINT), "--variants", variants),
        *("--repository", str(folder)),
    ]
    folder.parent.mkdir(exist_ok=True)
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # another process of these tests waits for its end
        subprocess.run(command, check=True, cwd=ROOT)
    return folder
