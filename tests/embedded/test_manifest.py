import json
from collections.abc import Callable
from pathlib import Path

import pytest

from embedded.errors import EmbeddedError
from embedded.manifest import check_files
from embedded.report import SCHEMA_VERSION, read_report
from tests.report import Row, write_report

MODEL = "electra_qa_savedmodel_fp32"
OTHER = "electra_qa_onnx_fp32"


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "repository"
    saved = folder / MODEL / "1" / "model.savedmodel"
    (saved / "variables").mkdir(parents=True)
    (saved / "assets").mkdir()
    (saved / "saved_model.pb").write_bytes(b"graph")
    (saved / "variables" / "variables.index").write_bytes(b"index")
    (folder / MODEL / "config.pbtxt").write_text("max_batch_size: 512")
    (folder / OTHER / "1").mkdir(parents=True)
    (folder / OTHER / "1" / "model.onnx").write_bytes(b"onnx")
    write_report(folder, {MODEL: Row(), OTHER: Row()})
    return folder


def refusal(repository: Path, model: str = MODEL) -> str:
    with pytest.raises(EmbeddedError) as refused:
        check_files(repository, model)
    (line,) = str(refused.value).splitlines()
    return line


def test_what_was_exported_passes(repository: Path) -> None:
    check_files(repository, MODEL)
    check_files(repository, OTHER)


def test_a_config_may_be_changed(repository: Path) -> None:
    (repository / MODEL / "config.pbtxt").write_text("max_batch_size: 8")
    check_files(repository, MODEL)


def test_only_the_model_that_is_served_is_checked(repository: Path) -> None:
    (repository / OTHER / "1" / "model.onnx").write_bytes(b"another")
    check_files(repository, MODEL)


@pytest.mark.parametrize("content", [b"", b"grap", b"Graph", b"graph\n"])
def test_a_changed_file_is_named(repository: Path, content: bytes) -> None:
    path = repository / MODEL / "1" / "model.savedmodel" / "saved_model.pb"
    path.write_bytes(content)
    said = refusal(repository)
    assert said.startswith(f"{path} has changed since its export: ")
    assert "restore it, or run make export" in said


def test_a_missing_file_is_named(repository: Path) -> None:
    path = repository / MODEL / "1" / "model.savedmodel" / "variables" / "variables.index"
    path.unlink()
    assert refusal(repository) == (
        f"{path} is missing; restore it, or run make export to make it again"
    )


def _add_file(version: Path) -> Path:
    path = version / "model.savedmodel" / "assets" / "extra.txt"
    path.write_text("")
    return path


def _add_version(version: Path) -> Path:
    """Triton serves the highest version."""
    path = version.parent / "2" / "model.savedmodel"
    path.parent.mkdir()
    path.write_text("")
    return path


def _link_a_folder(version: Path) -> Path:
    path = version / "linked"
    path.symlink_to(version.parent)
    return path


def _link_a_version(version: Path) -> Path:
    (version.parent / "2").symlink_to(version)
    return version.parent / "2" / "model.savedmodel" / "saved_model.pb"


@pytest.mark.parametrize("add", [_add_file, _add_version, _link_a_folder, _link_a_version])
def test_what_the_export_did_not_write_is_named(
    repository: Path, add: Callable[[Path], Path]
) -> None:
    path = add(repository / MODEL / "1")
    assert refusal(repository) == f"{path} was not exported: it is not in report.json; remove it"


def test_an_unknown_model(repository: Path) -> None:
    said = refusal(repository, "electra_qa_onnx_fp64")
    assert said.startswith(f"there is no model 'electra_qa_onnx_fp64' in {repository}; known are ")
    assert MODEL in said


def test_a_repository_that_was_made_by_hand(repository: Path) -> None:
    (repository / "report.json").unlink()
    assert read_report(repository) is None
    said = refusal(repository)
    assert f"{repository} was not made by make export: there is no report.json" in said


def test_a_report_of_another_version(repository: Path) -> None:
    path = repository / "report.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "schema_version": 1}))
    assert f"{path} is of schema 1, not {SCHEMA_VERSION}" in refusal(repository)


ROW_WITHOUT_FILES = json.dumps({"schema_version": SCHEMA_VERSION, "variants": {"m": {}}})


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        "{}",
        "\xff",
        json.dumps({"schema_version": SCHEMA_VERSION}),
        ROW_WITHOUT_FILES,
    ],
)
def test_a_broken_report(repository: Path, text: str) -> None:
    path = repository / "report.json"
    path.write_bytes(text.encode("latin-1"))
    said = refusal(repository)
    assert said.startswith(f"{path} cannot be read")
    assert said.endswith("run make export")


def test_a_report_that_is_a_folder(tmp_path: Path) -> None:
    (tmp_path / "report.json").mkdir()
    assert "cannot be read" in refusal(tmp_path)


def test_a_changed_tokenizer_is_named(repository: Path) -> None:
    (repository / "tokenizer.json").write_text("{} ")
    assert refusal(repository).startswith(f"{repository / 'tokenizer.json'} has changed since ")
