"""``config.pbtxt``: what is committed is what the code writes, and Triton's own message."""

from pathlib import Path

import pytest
from google.protobuf import text_format  # type: ignore[import-untyped]
from tritonclient.grpc import model_config_pb2 as triton

from export.command import SEQUENCE_LENGTH
from export.errors import ExportError
from export.triton_config import config_text, model_config
from export.variants import VARIANTS, Variant, select_variants, variant_named
from qa.tensors import INPUTS, OUTPUTS, read_request_shape

REPOSITORY = Path(__file__).parents[2] / "model_repository"


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda variant: variant.name)
def test_committed_config_is_what_the_code_writes(variant: Variant) -> None:
    committed = (REPOSITORY / variant.model_name / "config.pbtxt").read_text()
    assert committed == config_text(variant, SEQUENCE_LENGTH), "run make export"


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda variant: variant.name)
def test_text_is_the_message(variant: Variant) -> None:
    text = config_text(variant, 96)
    config = model_config(variant, 96)
    assert text_format.Parse(text, triton.ModelConfig()) == config
    assert config.name == f"electra_qa_{variant.name}"
    assert [each.name for each in config.input] == list(INPUTS)
    assert [each.name for each in config.output] == list(OUTPUTS)
    assert {tuple(each.dims) for each in [*config.input, *config.output]} == {(-1,)}


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda variant: variant.name)
def test_a_client_reads_what_it_may_send(variant: Variant) -> None:
    config = model_config(variant, 96)
    shape = read_request_shape({name: e.string_value for name, e in config.parameters.items()})
    assert shape.sequence_length == 96
    assert shape.max_rows == config.max_batch_size
    drops_padding = variant.format == "openvino" or variant.name == "onnx_fp16_packed"
    assert shape.padded(1) == shape.pad_to_multiple_of == (96 if drops_padding else 64)
    assert shape.padded(65) == shape.padded(96) == 96


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda variant: variant.name)
def test_numbers_say_why(variant: Variant) -> None:
    lines = [line.strip() for line in config_text(variant, 96).splitlines()]
    fields = ["max_batch_size:", "dynamic_batching {"]
    for field in [*fields, "kind:"] if variant.device == "cpu" else fields:
        (number,) = (i for i, line in enumerate(lines) if line.startswith(field))
        assert lines[number - 1].startswith("# ")


def test_tf32_is_what_tells_twins_apart() -> None:
    """The same files; in the configs, the name and one setting differ."""
    for variant in VARIANTS:
        if variant.twin != variant.name:
            config, twin = (
                config_text(each, 96).splitlines()
                for each in (variant, variant_named(variant.twin))
            )
            pairs = [pair for pair in zip(config, twin, strict=True) if pair[0] != pair[1]]
            values = [[line.split(": ")[1] for line in pair] for pair in pairs]
            assert values[0] == [f'"{variant.model_name}"', f'"electra_qa_{variant.twin}"']
            assert values[1:] == [['"1"', '"0"']]


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda variant: variant.name)
def test_where_it_runs(variant: Variant) -> None:
    (group,) = model_config(variant, 96).instance_group
    kinds = {"any": group.KIND_AUTO, "cpu": group.KIND_CPU, "gpu": group.KIND_GPU}
    count = 2 if variant.device == "gpu" else 1
    assert (group.count, group.kind) == (count, kinds[variant.device])


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda variant: variant.name)
def test_every_length_that_is_sent_is_warmed_up(variant: Variant) -> None:
    config = model_config(variant, 384)
    shape = read_request_shape({name: e.string_value for name, e in config.parameters.items()})
    served = {shape.padded(tokens) for tokens in range(1, 385)}
    warmed = [
        (each.batch_size, dims)
        for each in config.model_warmup
        for dims in {tuple(given.dims) for given in each.inputs.values()}
    ]
    assert {length for rows, (length,) in warmed if rows == 1} == served
    assert len({each.name for each in config.model_warmup}) == len(warmed)
    full = [rows for rows, _ in warmed if rows > 1]
    assert full == ([shape.max_rows] if variant.device == "gpu" else [])


def test_selection() -> None:
    assert select_variants("") == VARIANTS
    names = [variant.name for variant in select_variants("onnx_int8, savedmodel_fp32")]
    assert names == ["savedmodel_fp32", "onnx_int8"]
    with pytest.raises(ExportError, match="unknown variant onnx_fp8; known are savedmodel_fp32, "):
        select_variants("onnx_fp32 onnx_fp8")
