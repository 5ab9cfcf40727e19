"""The last gate: a real Triton that loads an exported model by its config, and answers."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from export.errors import ExportError
from export.proof.triton_check import asking_triton
from export.variants import CONFIG, variant_named
from tests.e2e.proxy import DEAD
from tests.export.conftest import SEQUENCE_LENGTH, Exported

pytestmark = pytest.mark.thorough

VARIANT = variant_named("onnx_fp32")


@pytest.fixture
def repository(exported: Exported, tmp_path: Path) -> Path:
    name = VARIANT.model_name
    shutil.copytree(exported.repository / name, tmp_path / name)
    return tmp_path


def replaced(old: str, new: str) -> Callable[[Path], object]:
    def change(folder: Path) -> None:
        text = (folder / CONFIG).read_text()
        assert old in text
        (folder / CONFIG).write_text(text.replace(old, new))

    return change


def test_proxies_are_not_asked_for_it(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in DEAD.items():
        monkeypatch.setenv(name, value)
    with asking_triton(repository, (VARIANT,), SEQUENCE_LENGTH) as ask:
        assert ask(VARIANT)


@pytest.mark.parametrize(
    ("break_it", "words"),
    [
        (replaced("max_batch_size: 32", "max_batch_size: many"), "onnx_fp32 does not work"),
        (replaced("dims: -1", "dims: 63"), "onnx_fp32 does not work in Triton"),
        (lambda folder: (folder / "1" / "model.onnx").write_bytes(b"short"), "model.onnx"),
    ],
)
def test_a_model_that_does_not_work(
    repository: Path, break_it: Callable[[Path], object], words: str
) -> None:
    break_it(repository / VARIANT.model_name)
    with (
        asking_triton(repository, (VARIANT,), SEQUENCE_LENGTH) as ask,
        pytest.raises(ExportError, match=words) as raised,
    ):
        ask(VARIANT)
    assert "\n" not in str(raised.value)


def test_models_are_asked_one_after_the_other(exported: Exported) -> None:
    variants = (VARIANT, variant_named("onnx_int8"))
    with asking_triton(exported.repository, variants, SEQUENCE_LENGTH) as ask:
        assert [ask(variant) for variant in (*variants, VARIANT)] == ["2.51.0"] * 3
