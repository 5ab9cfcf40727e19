"""Which variants are worth serving on a CPU, by its instructions."""

import pytest

from export.variants import variants_for_cpu


@pytest.mark.parametrize(
    ("flags", "first"),
    [
        ("avx2 avx512_vnni avx512_bf16", "openvino_int8"),
        ("avx2 avx512_bf16", "openvino_bf16"),
        ("avx2", "onnx_int8"),
        ("sse4_2", "onnx_fp32"),
        # arm64: Graviton 3, Graviton 2 and Graviton 1
        ("asimd asimddp i8mm bf16 sve", "onnx_int8"),
        ("asimd asimddp", "onnx_int8"),
        ("asimd", "onnx_fp32"),
        ("", "onnx_fp32"),
    ],
)
def test_the_first(flags: str, first: str) -> None:
    assert variants_for_cpu(frozenset(flags.split()))[0].name == first
