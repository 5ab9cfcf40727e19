"""The exported bundled checkpoint, and the stack that serves it, for all end-to-end tests."""

import os
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from embedded.cpu import read_cpu
from embedded.selection import Choice, choose
from tests.e2e.stack import Stack, running


@pytest.fixture(scope="session")
def choice(repository: Path) -> Choice:
    """The model of a test that names none: the choice for this CPU or of the Triton under test."""
    if model := os.environ.get("ELECTRA_QA_MODEL"):
        return Choice(model, "named by ELECTRA_QA_MODEL")
    return choose(repository, read_cpu())


@pytest.fixture(scope="session")
def stack(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """One stack with the chosen model, for all tests that do not break it."""
    with running(repository, tmp_path_factory.mktemp("stack")) as stack:
        yield stack


@pytest.fixture(scope="session")
def exact_stack(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """One with the float32 model, whose logits do not depend on the other rows of a batch."""
    folder = tmp_path_factory.mktemp("exact")
    with running(
        repository,
        folder,
        ELECTRA_QA_MODEL="electra_qa_onnx_fp32",
        ELECTRA_QA_REQUEST_SECONDS="120",  # for a slow machine
    ) as stack:
        yield stack


@pytest.fixture(scope="session")
def client(stack: Stack) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=stack.url, timeout=60) as client:
        yield client
