"""What the embedded Triton changes in a model's config, and what it leaves."""

import os
from typing import Any

import pytest
from google.protobuf import text_format  # type: ignore[import-untyped]

from embedded.model_config import ROWS_PER_CORE, ModelConfig, adapted
from embedded.packages import has_cuda

CONFIG = """
name: "model"
backend: "{backend}"
max_batch_size: 32
input {{ name: "input_ids" data_type: TYPE_INT32 dims: -1 }}
input {{ name: "attention_mask" data_type: TYPE_INT32 dims: -1 }}
instance_group {{ kind: {kind} }}
{more}
"""
BATCHING = "dynamic_batching { }"


def adapt(backend: str = "onnxruntime", kind: str = "KIND_CPU", more: str = BATCHING) -> Any:
    text = adapted(CONFIG.format(backend=backend, kind=kind, more=more))
    return text_format.Parse(text, ModelConfig())


def is_ragged(config: Any) -> bool:
    (found,) = {each.allow_ragged_batch for each in config.input}
    return bool(found)


@pytest.mark.parametrize("backend", ["onnxruntime", "openvino", "tensorflow"])
def test_requests_of_any_length_are_joined_a_few_rows_for_each_core(backend: str) -> None:
    config = adapt(backend)
    assert is_ragged(config)
    rows = ROWS_PER_CORE * len(os.sched_getaffinity(0))
    assert list(config.dynamic_batching.preferred_batch_size) == [min(rows, 32)]
    assert config.max_batch_size == 32


def test_a_model_of_few_rows_gets_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _: range(64))
    assert list(adapt().dynamic_batching.preferred_batch_size) == [32]


def test_preferred_sizes_of_the_config_stay() -> None:
    own = adapt(more="dynamic_batching { preferred_batch_size: [2, 16] }")
    assert list(own.dynamic_batching.preferred_batch_size) == [2, 16]


def test_a_model_without_batches_gets_none() -> None:
    assert not adapt(more="").HasField("dynamic_batching")


@pytest.mark.parametrize(
    ("backend", "kind"), [("onnxruntime", "KIND_GPU"), ("somebody's", "KIND_CPU")]
)
def test_lengths_are_not_mixed_on_a_gpu_nor_for_other_backends(backend: str, kind: str) -> None:
    config = adapt(backend, kind)
    assert not is_ragged(config)
    assert not config.dynamic_batching.preferred_batch_size


def test_an_instance_that_may_be_on_a_gpu_is_on_the_cpu_without_cuda() -> None:
    (group,) = adapt(kind="KIND_AUTO").instance_group
    assert (group.kind == group.KIND_CPU) is not has_cuda("onnxruntime")


def test_a_config_that_cannot_be_read_is_left_to_triton() -> None:
    assert adapted("max_batch_size: many") is None
