"""An export as a whole: the report, what stays and what goes, and the gates."""

import json
import resource
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from embedded.cpu import read_cpu
from embedded.digest import sha256
from embedded.report import Accuracy, read_report
from embedded.selection import LARGEST_F1_LOSS
from export.calibration import SAMPLE, calibration_on
from export.errors import ExportError
from export.freshness import outdated, previous_report
from export.graphs.conversion import Materials, make, source_file, trace
from export.isolation import isolated
from export.proof.gates import _check_accuracy
from export.variants import CONFIG, VARIANTS, VNNI, Variant, select_variants, variant_named
from tests.export.conftest import (
    SEQUENCE_LENGTH,
    Exported,
    Golden,
    read_golden,
    run_export,
    snapshot,
)

pytestmark = pytest.mark.thorough

ONNX_FP32 = select_variants("onnx_fp32")
Change = Callable[..., None]


@pytest.fixture
def copy(exported: Exported, tmp_path: Path) -> Exported:
    """An exported repository that a test may change."""
    repository = shutil.copytree(exported.repository, tmp_path / "model_repository")
    return Exported(exported.golden, repository, exported.report)


def stale(
    exported: Exported, checkpoint: Path | None = None, calibration: Path = SAMPLE
) -> tuple[Variant, ...]:
    report = read_report(exported.repository)
    assert report is not None
    checkpoint = checkpoint or exported.golden.folder
    scales = calibration_on(calibration)
    return outdated(report, exported.repository, checkpoint, VARIANTS, SEQUENCE_LENGTH, scales)


def test_report(exported: Exported) -> None:
    report = exported.report
    assert read_report(exported.repository) == report
    assert report.checkpoint == str(exported.golden.folder)
    assert report.sequence_length == SEQUENCE_LENGTH
    assert report.cpu == read_cpu().description()
    assert list(report.variants) == [variant.model_name for variant in VARIANTS]
    assert sha256(exported.repository / "tokenizer.json") == report.tokenizer_sha256


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda variant: variant.name)
def test_report_of_a_variant(exported: Exported, variant: Variant) -> None:
    row = exported.report.variants[variant.model_name]
    files = {
        path.relative_to(exported.repository).as_posix(): path.read_bytes()
        for path in (exported.repository / variant.folder).rglob("*")
        if path.is_file()
    }
    assert row.files == {name: sha256(exported.repository / name) for name in files}
    assert row.size_bytes == sum(map(len, files.values()))
    assert row.parity.windows >= 64
    assert row.triton == (None if variant.device == "gpu" else "2.51.0")
    # without VNNI, ONNX Runtime's int8 products saturate at 16 bits
    has_vnni = not read_cpu().flags.isdisjoint(VNNI)
    if variant.tolerance is None:  # the answers of random weights are a matter of rounding
        assert row.parity.largest_logit_difference < (1 if has_vnni else 4)
    else:
        assert row.parity.largest_logit_difference <= variant.tolerance
    if variant.tolerance == 1e-4:
        assert row.parity.equal_answers == row.parity.answers


def test_variants_that_differ_in_tf32_alone_have_the_same_files(exported: Exported) -> None:
    for variant in VARIANTS:
        if variant.twin != variant.name:
            twin = exported.repository / variant_named(variant.twin).folder
            assert snapshot(exported.repository / variant.folder) == snapshot(twin)


def test_speeds_are_of_one_run(exported: Exported) -> None:
    """The variants worth serving on this CPU have one: which they are depends on the machine."""
    measured = {name: row.speed for name, row in exported.report.variants.items() if row.speed}
    assert {"electra_qa_onnx_int8", "electra_qa_onnx_fp32"} <= set(measured)
    assert len({speed.rounds for speed in measured.values()}) == 1
    for speed in measured.values():
        assert 0 < speed.lowest <= speed.windows_per_second <= speed.highest
        assert speed.batch_1_ms > 0


def test_nothing_is_left_beside_the_repository(exported: Exported) -> None:
    assert list(exported.repository.parent.iterdir()) == [exported.repository]


def test_unreadable_report_is_none(copy: Exported) -> None:
    path = copy.repository / "report.json"
    values = json.loads(path.read_text())
    for text in ("", "[]", "{}", json.dumps(values | {"schema_version": 0})):
        path.write_text(text)
        assert previous_report(copy.repository) is None


def test_fresh(exported: Exported, tmp_path: Path) -> None:
    assert stale(exported) == ()
    assert stale(exported, tmp_path / "moved away") == ()


@pytest.mark.parametrize(
    "damage",
    [
        lambda folder: shutil.rmtree(folder / "1"),
        lambda folder: (folder / CONFIG).unlink(),
        lambda folder: (folder / "1" / "model.onnx").unlink(),
    ],
)
def test_missing_files_are_outdated(copy: Exported, damage: Callable[[Path], None]) -> None:
    damage(copy.repository / "electra_qa_onnx_fp32")
    assert stale(copy) == ONNX_FP32


def test_a_changed_file_is_left_to_be_refused(copy: Exported) -> None:
    (copy.repository / "electra_qa_onnx_fp32/1/model.onnx").write_bytes(b"short")
    assert stale(copy) == ()


def test_no_tokenizer_outdates_all(copy: Exported) -> None:
    (copy.repository / "tokenizer.json").unlink()
    assert stale(copy) == VARIANTS


def test_another_checkpoint_outdates_all(exported: Exported, folder: Path) -> None:
    assert stale(exported, folder) == VARIANTS


def test_another_calibration_outdates_what_is_calibrated(
    exported: Exported, tmp_path: Path
) -> None:
    (tmp_path / "calibration.json").write_text(SAMPLE.read_text() + "\n")
    found = stale(exported, calibration=tmp_path / "calibration.json")
    assert found == (variant_named("openvino_int8"),)


def test_same_inputs_keep_the_other_variants(copy: Exported) -> None:
    before = copy.report.variants
    report = run_export(copy.golden.folder, copy.repository, ONNX_FP32)
    assert list(report.variants) == list(before)
    for name in ("electra_qa_onnx_int8", "electra_qa_savedmodel_fp32"):
        assert replace(report.variants[name], speed=None) == replace(before[name], speed=None)
    assert stale(copy) == ()
    speeds = {name for name, row in report.variants.items() if row.speed}
    assert speeds == {name for name, row in before.items() if row.speed}  # all measured anew


def test_other_sequence_length_drops_the_other_variants(copy: Exported) -> None:
    report = run_export(copy.golden.folder, copy.repository, ONNX_FP32, sequence_length=96)
    assert list(report.variants) == ["electra_qa_onnx_fp32"]
    assert {path.parent.name for path in copy.repository.glob("*/1")} == {"electra_qa_onnx_fp32"}
    assert len(list(copy.repository.glob("*/config.pbtxt"))) == len(VARIANTS)
    assert "dims: 96" in (copy.repository / "electra_qa_onnx_fp32/config.pbtxt").read_text()


@pytest.mark.parametrize("length", [0, 15, 129])
def test_sequence_length_that_does_not_fit(exported: Exported, length: int) -> None:
    with pytest.raises(ExportError, match=f"sequence length is {length}; .* 16 to 128 .* SEQ=128"):
        run_export(exported.golden.folder, exported.repository, sequence_length=length)


def test_variant_that_differs_fails(copy: Exported) -> None:
    before = snapshot(copy.repository)
    stricter = replace(variant_named("onnx_fp32"), tolerance=1e-9)
    with pytest.raises(ExportError, match=r"onnx_fp32 differs .* 1e-09 is allowed"):
        run_export(copy.golden.folder, copy.repository, (stricter,))
    assert snapshot(copy.repository) == before


def test_accuracy(exported: Exported, tmp_path: Path) -> None:
    """A few questions: the scores are there, and fp32 is what the others are compared with."""
    values = json.loads(SAMPLE.read_text())
    values["data"] = values["data"][:10]
    dataset = tmp_path / "ten.json"
    dataset.write_text(json.dumps(values))
    variants = select_variants("onnx_fp32 onnx_fp16 onnx_fp16_packed")
    folder, repository = exported.golden.folder, tmp_path / "model_repository"
    report = run_export(folder, repository, variants, dataset=dataset)
    fp32, fp16 = (report.variants[f"electra_qa_onnx_{name}"].accuracy for name in ("fp32", "fp16"))
    assert fp32 is not None
    assert fp16 is not None
    assert (fp32.dataset, fp32.questions, fp32.f1_difference) == ("ten.json", 10, 0)
    assert fp16.f1_difference == pytest.approx(fp16.f1 - fp32.f1)
    assert report.variants["electra_qa_onnx_fp16_packed"].accuracy is None  # not on this machine


def test_accuracy_where_some_questions_have_no_answer(exported: Exported, tmp_path: Path) -> None:
    """By SQuAD 2.0's metric; the expected answers are taken from the logits by hand."""
    context = "William crossed the sea in 1066, and Harold did not."
    asked = ("Who crossed it?", "When was that?", "Who came in 1067?", "Why did he not cross it?")
    golds = ("William", "1066", "", " ")
    paragraphs = [
        {
            "context": context,
            "qas": [
                {"id": 7, "question": question, "answers": [{"text": gold, "answer_start": -1}]}
                for question, gold in zip(asked, golds, strict=True)
            ],
        }
    ]
    dataset = tmp_path / "squad-2.json"
    dataset.write_text(json.dumps({"data": [{"title": None, "paragraphs": paragraphs}]}))
    folder, repository = exported.golden.folder, tmp_path / "model_repository"
    report = run_export(folder, repository, ONNX_FP32, dataset=dataset)
    accuracy = report.variants["electra_qa_onnx_fp32"].accuracy
    assert accuracy is not None
    print(accuracy)
    assert accuracy.questions == 4


def test_int8_that_lost_too_much_fails() -> None:
    lost = Accuracy("dev.json", 100, 70, 79.4, -0.6)
    with pytest.raises(ExportError, match=r"onnx_int8 has F1 79\.40 on dev\.json, 0\.60 below"):
        _check_accuracy(variant_named("onnx_int8"), lost)
    _check_accuracy(variant_named("onnx_int8"), replace(lost, f1_difference=-0.5))
    assert LARGEST_F1_LOSS == 0.5


@contextmanager
def largest_file(size_bytes: int) -> Iterator[None]:
    """Act like a full disk: longer files fail with an OSError, in child processes too."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def test_full_disk(copy: Exported) -> None:
    before = snapshot(copy.repository)
    with pytest.raises(ExportError, match="cannot write"), largest_file(40_000):
        run_export(copy.golden.folder, copy.repository, ONNX_FP32)
    assert snapshot(copy.repository) == before
    assert list(copy.repository.parent.glob(".*")) == []


@pytest.fixture(scope="module")
def materials(tmp_path_factory: pytest.TempPathFactory) -> Materials:
    """All sources of a golden checkpoint, with their weights."""
    golden: Golden = read_golden("projected")
    folder = tmp_path_factory.mktemp("materials")
    (folder / "tokenizer.json").write_text(golden.checkpoint.tokenizer_json)
    materials = Materials(
        checkpoint=golden.folder,
        config=golden.checkpoint.config,
        tokenizer=folder / "tokenizer.json",
        sequence_length=SEQUENCE_LENGTH,
        calibration=SAMPLE,
        sources=folder,
    )
    graphs = {each.graph for each in VARIANTS if each.graph}
    isolated(trace, materials.config, sorted(graphs), folder)
    for graph in graphs:
        source_file(graph, materials)
    return materials


@pytest.mark.parametrize(
    "variant", [each for each in VARIANTS if each.twin == each.name], ids=lambda each: each.name
)
def test_full_disk_of_every_writer(materials: Materials, tmp_path: Path, variant: Variant) -> None:
    """Whatever library writes, the error says so, and no model file is cut short in silence."""
    with largest_file(20_000), pytest.raises((OSError, ExportError)) as raised:
        isolated(make, variant, materials, tmp_path / variant.file, progress=lambda *_: None)
    said = str(raised.value).lower()
    assert any(word in said for word in ("file too large", "cannot write", "no space", "write"))


def test_weights_that_overflow(folder: Path, change_tensors: Change) -> None:
    """The reference finds them before a variant is made."""

    def enlarge(tensors: dict[str, Any]) -> None:
        tensors["qa_outputs.weight"] = np.full_like(tensors["qa_outputs.weight"], 3e38)

    change_tensors(enlarge)
    with pytest.raises(ExportError, match="checkpoint gives logits that are not finite"):
        run_export(folder, folder.parent / "model_repository", select_variants("savedmodel_fp32"))
