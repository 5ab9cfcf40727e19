"""Variants on a simulated GPU: how they are compared, measured and chosen there."""

from pathlib import Path

import numpy as np
import onnx
import pytest

from embedded.backends.providers import CPU, CUDA
from embedded.report import read_report
from export import refresh
from export.graphs.half import to_fp16
from export.graphs.packing import pack
from export.proof.gates import compare_file, proven_as
from export.proof.parity import ReferenceQuestion, reference_questions
from export.proof.runtime import load_backend, load_model, runs_here, runtime_name
from export.proof.speed import measure_speed
from export.variants import FP16_TOLERANCE, FP32_TOLERANCE, variant_named, variants_for_gpu
from qa.tensors import ATTENTION_MASK, OUTPUTS
from tests.export.conftest import SEQUENCE_LENGTH, Golden, Sources
from tests.report import write_report
from tests.simulated_gpu import A100, T4, Simulated, simulate

pytestmark = pytest.mark.thorough

PACKED, FP16, TF32, FP32 = map(
    variant_named, ("onnx_fp16_packed", "onnx_fp16", "onnx_tf32", "onnx_fp32")
)
STRICT = {"enable_skip_layer_norm_strict_mode": "1", "device_id": "0"}


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> Simulated:
    return simulate(monkeypatch, A100)


@pytest.fixture(scope="session")
def packed(sources: Sources, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path: Path = tmp_path_factory.mktemp("gpu") / "model.onnx"
    onnx.save(pack(to_fp16(onnx.load(sources.fused))), path)
    return path


@pytest.fixture(scope="session")
def questions(
    golden: Golden, tmp_path_factory: pytest.TempPathFactory
) -> tuple[ReferenceQuestion, ...]:
    tokenizer: Path = tmp_path_factory.mktemp("gpu") / "tokenizer.json"
    tokenizer.write_text(golden.checkpoint.tokenizer_json, encoding="utf-8")
    return reference_questions(golden.folder, tokenizer, SEQUENCE_LENGTH)


def test_tf32_is_a_variant_of_its_own_where_there_is_tf32() -> None:
    assert variants_for_gpu(A100.capability) == (PACKED, FP16, TF32, FP32)
    assert variants_for_gpu(T4.capability) == (PACKED, FP16, FP32)
    assert (proven_as(TF32, None), proven_as(TF32, T4)) == ("onnx_fp32", "onnx_fp32")
    assert proven_as(TF32, A100) == "onnx_tf32"
    assert TF32.tolerance_on(gpu=True) == FP16_TOLERANCE
    assert TF32.tolerance_on(gpu=False) == FP32.tolerance_on(gpu=True) == FP32_TOLERANCE


def test_what_runs_here_and_by_what() -> None:
    assert runs_here(PACKED, A100)
    assert not runs_here(PACKED, None)
    assert runs_here(variant_named("onnx_int8"), A100)
    assert runtime_name(PACKED, A100).endswith("on NVIDIA A100-SXM4-40GB")
    assert runtime_name(PACKED, None).startswith("onnx's reference evaluator")
    assert runtime_name(variant_named("savedmodel_fp32"), A100).startswith("tensorflow")


def test_a_variant_is_computed_on_the_gpu_with_the_options_of_its_config(
    gpu: Simulated, golden: Golden, sources: Sources
) -> None:
    found = load_model(TF32, sources.fused, A100)(golden.inputs)
    assert gpu.providers == [[(CUDA, {"use_tf32": "1", "device_id": "0"}), (CPU, {})]]
    assert gpu.preloaded == 1
    for name in OUTPUTS:
        difference = np.abs(found[name] - golden.logits[name])[golden.real]
        assert difference.max() < FP32_TOLERANCE


def test_the_packed_graph_gets_its_batch_whole_on_the_gpu(
    gpu: Simulated, golden: Golden, packed: Path
) -> None:
    backend = load_backend(PACKED, packed, golden.real.shape[1], A100)
    assert gpu.providers == [[(CUDA, STRICT), (CPU, {})]]
    inputs = {name: np.tile(values, (30, 1)) for name, values in golden.inputs.items()}
    start, _ = backend(inputs)
    rows, width = inputs[ATTENTION_MASK].shape
    assert gpu.shapes == [(rows, width)]
    real = np.tile(golden.real, (30, 1))
    wanted = np.tile(golden.logits[OUTPUTS[0]], (30, 1))
    assert np.abs(start - wanted)[real].max() < FP16_TOLERANCE


def test_parity_and_speed_on_the_gpu(
    gpu: Simulated, questions: tuple[ReferenceQuestion, ...], packed: Path, sources: Sources
) -> None:
    parity = compare_file(PACKED, packed, questions[:4], A100)
    assert 0 < parity.largest_logit_difference < FP16_TOLERANCE
    gpu.shapes.clear()
    speeds = measure_speed(
        {PACKED: packed, FP32: sources.fused}, questions[:4], SEQUENCE_LENGTH, A100
    )
    assert set(speeds) == {PACKED.model_name, FP32.model_name}
    assert {rows for rows, _ in gpu.shapes} == {1, 256}  # a batch is one run
    assert all(each.windows_per_second > 0 for each in speeds.values())


def test_what_is_kept_fresh_for_a_gpu(tmp_path: Path) -> None:
    """Without an export those for the GPU; an export for a CPU gets them too, once."""
    assert refresh._to_serve(None, A100) == tuple(sorted_by_table(PACKED, FP16, TF32, FP32))
    assert refresh._to_serve(None, T4) == tuple(sorted_by_table(PACKED, FP16, FP32))
    write_report(tmp_path, {})
    report = read_report(tmp_path)
    assert report is not None
    assert refresh._to_serve(report, None) == refresh._to_serve(None, None)


def sorted_by_table(*variants: object) -> list[object]:
    from export.variants import VARIANTS

    return [each for each in VARIANTS if each in variants]
