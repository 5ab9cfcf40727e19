"""The folder that any Triton can serve as it is."""

from pathlib import Path

import pytest

from embedded.ports import free_ports
from embedded.server import run_triton
from export.served import lay_out_served, tritonserver_command
from export.variants import CONFIG, variant_named
from tests.export.conftest import Exported, snapshot

MODELS = [variant_named(name).model_name for name in ("onnx_fp32", "onnx_int8")]


@pytest.fixture
def repository(exported: Exported, tmp_path: Path) -> Path:
    """Two exported variants, and a third of which there is only the committed config."""
    folder = tmp_path / "model_repository"
    for name in MODELS:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).symlink_to(exported.repository / name)
    third = folder / variant_named("onnx_fp16").model_name
    third.mkdir()
    (third / CONFIG).write_bytes((exported.repository / third.name / CONFIG).read_bytes())
    return folder


def test_it_holds_what_was_exported_and_nothing_else(repository: Path) -> None:
    (repository.parent / "model_repository.served" / "old").mkdir(parents=True)
    served = lay_out_served(repository, MODELS)
    assert sorted(path.name for path in served.iterdir()) == sorted(MODELS)
    for name in MODELS:
        assert snapshot(served / name) == snapshot((repository / name).resolve())
        linked = served / name / "1" / "model.onnx"
        assert linked.samefile(repository / name / "1" / "model.onnx")  # takes no room
        assert not (served / name / CONFIG).samefile(repository / name / CONFIG)


def test_a_repository_of_exported_variants_alone_is_served_as_it_is(repository: Path) -> None:
    (repository / "electra_qa_onnx_fp16" / CONFIG).unlink()
    assert lay_out_served(repository, MODELS) == repository
    assert not (repository.parent / "model_repository.served").exists()
    assert str(repository) in tritonserver_command(repository)


def test_a_triton_starts_on_the_whole_folder(repository: Path) -> None:
    served = lay_out_served(repository, MODELS)
    names = [path.name for path in served.iterdir()]
    with run_triton(served, names, free_ports(), start_seconds=60, grace_seconds=5) as triton:
        assert not triton.has_ended
