"""An export as a whole: the report, what stays and what goes, and the gates."""

import json
import resource
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from embedded.digest import sha256, size
from export.errors import ExportError
from export.freshness import outdated
from export.report import read_report
from export.variants import VARIANTS, Variant, select_variants
from tests.export.conftest import (
    SEQUENCE_LENGTH,
    Exported,
    Golden,
    read_golden,
    run_export,
    snapshot,
)

ONNX_FP32 = select_variants("onnx_fp32")
ONNX = select_variants("onnx_fp32 onnx_int8")
Change = Callable[..., None]


@pytest.fixture(scope="session")
def golden() -> Golden:
    """One of the two is enough here."""
    return read_golden("plain")


@pytest.fixture
def copy(exported: Exported, tmp_path: Path) -> Exported:
    """An exported repository that a test may change."""
    repository = shutil.copytree(exported.repository, tmp_path / "model_repository")
    return Exported(exported.golden, repository, exported.report)


def stale(exported: Exported, checkpoint: Path | None = None) -> tuple[Variant, ...]:
    report = read_report(exported.repository)
    assert report is not None
    checkpoint = checkpoint or exported.golden.folder
    return outdated(report, exported.repository, checkpoint, VARIANTS, SEQUENCE_LENGTH)


def test_report(exported: Exported) -> None:
    report = exported.report
    assert read_report(exported.repository) == report
    assert report.checkpoint == str(exported.golden.folder)
    assert report.sequence_length == SEQUENCE_LENGTH
    assert list(report.variants) == [variant.model_name for variant in VARIANTS]
    assert sha256(exported.repository / "tokenizer.json") == report.tokenizer_sha256
    for variant in VARIANTS:
        row = report.variants[variant.model_name]
        file = exported.repository / variant.file
        assert (row.sha256, row.size_bytes) == (sha256(file), size(file))
        assert row.parity.windows >= row.parity.answers == 16
        if variant.tolerance is None:  # the answers of random weights are a matter of rounding
            assert row.parity.largest_logit_difference < 1
        else:
            assert row.parity.equal_answers == 16


def test_nothing_is_left_beside_the_repository(exported: Exported) -> None:
    assert list(exported.repository.parent.iterdir()) == [exported.repository]


def test_unreadable_report_is_none(copy: Exported) -> None:
    path = copy.repository / "report.json"
    values = json.loads(path.read_text())
    for text in ("", "[]", "{}", json.dumps(values | {"schema_version": 0})):
        path.write_text(text)
        assert read_report(copy.repository) is None


def test_fresh(exported: Exported, tmp_path: Path) -> None:
    assert stale(exported) == ()
    assert stale(exported, tmp_path / "moved away") == ()


@pytest.mark.parametrize(
    "damage",
    [
        lambda folder: shutil.rmtree(folder / "1"),
        lambda folder: (folder / "config.pbtxt").unlink(),
        lambda folder: (folder / "1" / "model.onnx").write_bytes(b"short"),
        lambda folder: flip_last_byte(folder / "1" / "model.onnx"),
    ],
)
def test_damaged_variant_is_outdated(copy: Exported, damage: Callable[[Path], None]) -> None:
    damage(copy.repository / "electra_qa_onnx_fp32")
    assert stale(copy) == ONNX_FP32


def flip_last_byte(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))


def test_other_tokenizer_outdates_all(copy: Exported) -> None:
    (copy.repository / "tokenizer.json").write_text("{}")
    assert stale(copy) == VARIANTS


def test_other_checkpoint_outdates_all(exported: Exported, folder: Path) -> None:
    (folder / "vocab.txt").write_text((folder / "vocab.txt").read_text() + "more\n")
    assert stale(exported, folder) == VARIANTS


def test_same_inputs_keep_the_other_variants(copy: Exported) -> None:
    before = copy.report.variants
    report = run_export(copy.golden.folder, copy.repository, ONNX_FP32)
    assert set(report.variants) == set(before)
    for name in ("electra_qa_onnx_int8", "electra_qa_savedmodel_fp32"):
        assert report.variants[name] == before[name]
    assert stale(copy) == ()


def test_other_sequence_length_drops_the_other_variants(copy: Exported) -> None:
    report = run_export(copy.golden.folder, copy.repository, ONNX_FP32, sequence_length=96)
    assert list(report.variants) == ["electra_qa_onnx_fp32"]
    assert {path.parent.name for path in copy.repository.glob("*/1")} == {"electra_qa_onnx_fp32"}
    assert len(list(copy.repository.glob("*/config.pbtxt"))) == len(VARIANTS)
    assert "dims: 96" in (copy.repository / "electra_qa_onnx_fp32/config.pbtxt").read_text()


@pytest.mark.parametrize("length", [0, 15, 129])
def test_sequence_length_that_does_not_fit(exported: Exported, length: int) -> None:
    with pytest.raises(ExportError, match=f"sequence length is {length}; .* 16 to 128"):
        run_export(exported.golden.folder, exported.repository, sequence_length=length)


def test_variant_that_differs_fails(copy: Exported, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mistake in the graph, here a LayerNorm that does not normalise."""
    before = snapshot(copy.repository)
    monkeypatch.setattr(
        "export.electra._layer_norm",
        lambda _, weights, name, values: values * weights[f"{name}.weight"],
    )
    with pytest.raises(ExportError, match=r"savedmodel_fp32 differs .* 0\.0001 is allowed"):
        run_export(copy.golden.folder, copy.repository, VARIANTS[:1])
    assert snapshot(copy.repository) == before


@contextmanager
def largest_file(size_bytes: int) -> Iterator[None]:
    """As a disk that is full: writing beyond fails with an OSError."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda variant: variant.name)
def test_full_disk(copy: Exported, variant: Variant) -> None:
    before = snapshot(copy.repository)
    with pytest.raises(ExportError, match="cannot write"), largest_file(40_000):
        run_export(copy.golden.folder, copy.repository, (variant,))
    assert snapshot(copy.repository) == before
    assert list(copy.repository.parent.glob(".*")) == []


def test_weights_that_overflow(folder: Path, change_tensors: Change) -> None:
    def enlarge(tensors: dict[str, Any]) -> None:
        tensors["qa_outputs.weight"] = np.full_like(tensors["qa_outputs.weight"], 3e38)

    change_tensors(enlarge)
    with pytest.raises(ExportError, match="checkpoint gives logits that are not finite"):
        run_export(folder, folder.parent / "model_repository", ONNX_FP32)
