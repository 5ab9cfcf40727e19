"""Folders that any Triton can serve as they are."""

import shutil
from pathlib import Path

import pytest

from embedded.ports import free_ports
from embedded.server import run_triton
from export.served import lay_out_served, starting
from export.variants import CONFIG, variant_named
from tests.export.conftest import Exported, snapshot

pytestmark = pytest.mark.thorough  # its export takes most of a minute

EXPORTED = {
    "onnxruntime": ["electra_qa_onnx_fp32", "electra_qa_onnx_int8"],
    "onnxruntime_gpu": ["electra_qa_onnx_fp16_packed"],
    "openvino": ["electra_qa_openvino_int8"],
    "tensorflow": ["electra_qa_savedmodel_fp32"],
}
MODELS = [name for names in EXPORTED.values() for name in names]


@pytest.fixture
def repository(exported: Exported, tmp_path: Path) -> Path:
    """Some exported variants, and one with only its committed config."""
    folder = tmp_path / "model_repository"
    for name in MODELS:
        shutil.copytree(exported.repository / name, folder / name)
    other = folder / variant_named("onnx_fp16").model_name
    other.mkdir()
    shutil.copy2(exported.repository / other.name / CONFIG, other)
    return folder


def test_they_hold_what_was_exported_and_nothing_else(repository: Path) -> None:
    (repository.parent / "model_repository.served" / "old").mkdir(parents=True)
    folders = lay_out_served(repository, MODELS)
    found = {each.name: sorted(path.name for path in each.iterdir()) for each in folders}
    assert found == EXPORTED
    for folder in folders:
        for name in EXPORTED[folder.name]:
            assert snapshot(folder / name) == snapshot(repository / name)
    linked = folders[0] / MODELS[0] / "1" / "model.onnx"
    assert linked.samefile(repository / MODELS[0] / "1" / "model.onnx")  # takes no space
    assert not (folders[0] / MODELS[0] / CONFIG).samefile(repository / MODELS[0] / CONFIG)


def test_what_is_printed_names_every_folder(repository: Path) -> None:
    folders = lay_out_served(repository, MODELS)
    printed = "\n".join(starting(folders))
    assert [f"--model-repository={each}" in printed for each in folders] == [True] * len(EXPORTED)


def test_a_triton_starts_on_a_whole_folder(repository: Path) -> None:
    folder, *_ = lay_out_served(repository, MODELS)
    names = [path.name for path in folder.iterdir()]
    with run_triton(folder, names, free_ports(), start_seconds=60, grace_seconds=5) as triton:
        assert not triton.has_ended
