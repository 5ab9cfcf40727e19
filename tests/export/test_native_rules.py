"""NVIDIA's native backends accept every exported config for its graph."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import text_format  # type: ignore[import-untyped]
from tritonclient.grpc import model_config_pb2 as triton

from export.variants import CONFIG, VARIANTS, Variant, variant_named
from tests.export.conftest import Exported
from tests.export.native_rules import READERS, broken_rules

pytestmark = pytest.mark.thorough


def read_config(folder: Path) -> Any:
    return text_format.Parse((folder / CONFIG).read_text(), triton.ModelConfig())


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda variant: variant.name)
def test_the_config_fits_its_graph(exported: Exported, variant: Variant) -> None:
    folder = exported.repository / variant.model_name
    config = read_config(folder)
    assert config.backend or config.platform
    assert config.name == folder.name
    graph = READERS[variant.format](exported.repository / variant.file)
    assert list(broken_rules(config, graph, folder)) == []


def with_lengths(config: Any) -> None:
    """What was committed before native backends were tried."""
    for each in [*config.input, *config.output]:
        each.dims[:] = [64]


def set_dims(tensor: str, *dims: int) -> Callable[[Any], None]:
    def change(config: Any) -> None:
        (found,) = (each for each in [*config.input, *config.output] if each.name == tensor)
        found.dims[:] = dims

    return change


def rename(config: Any) -> None:
    config.input[0].name = "input_word_ids"


def retype(config: Any) -> None:
    config.input[0].data_type = triton.TYPE_INT64


def forget(config: Any) -> None:
    del config.input[2]
    del config.model_warmup[0].inputs["token_type_ids"]


def unbatch(config: Any) -> None:
    config.max_batch_size = 0


def warm_up(*dims: int) -> Callable[[Any], None]:
    def change(config: Any) -> None:
        config.model_warmup[0].inputs["input_ids"].dims[:] = dims

    return change


@pytest.mark.parametrize(
    ("break_it", "words"),
    [
        (with_lengths, "start_logits: the model expects (-1, -1), the config specifies (-1, 64)"),
        (set_dims("end_logits", 64), "end_logits: the model expects (-1, -1)"),
        (set_dims("input_ids", -1, 1), "input_ids: the model expects (-1, -1)"),
        (rename, "input_word_ids is not in the graph"),
        (retype, "input_ids has another data type"),
        (forget, "the config has 2 inputs, the graph 3"),
        (unbatch, "max_batch_size is not given"),
        (warm_up(-1), "leaves a dimension of input_ids open"),
        (warm_up(65), "too little data for input_ids"),
        (warm_up(8, 8), "another shape of input_ids"),
    ],
)
def test_what_a_native_backend_refuses(
    exported: Exported, break_it: Callable[[Any], None], words: str
) -> None:
    variant = variant_named("onnx_fp32")
    folder = exported.repository / variant.model_name
    config = read_config(folder)
    break_it(config)
    graph = READERS["onnx"](exported.repository / variant.file)
    assert words in "; ".join(broken_rules(config, graph, folder))
