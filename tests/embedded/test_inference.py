"""Requests and responses in Triton's messages, and what a model's config says."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from tritonclient.grpc import model_config_pb2, service_pb2

from embedded.inference import make_request, read_config, read_logits
from qa import tensors
from qa.tensors import ContractError, RequestShape
from qa.windows import Rows

ROWS = Rows(*(np.arange(6, dtype=np.int32).reshape(2, 3) + 10 * number for number in range(3)))
LOGITS = {
    tensors.START_LOGITS: np.arange(6, dtype=np.float32).reshape(2, 3),
    tensors.END_LOGITS: -np.arange(6, dtype=np.float32).reshape(2, 3),
}


def response(logits: dict[str, NDArray[Any]], datatype: str = "FP32") -> Any:
    made = service_pb2.ModelInferResponse()
    for name, values in logits.items():
        made.outputs.add(name=name, datatype=datatype, shape=values.shape)
        made.raw_output_contents.append(values.tobytes())
    return made


def test_rows_are_the_inputs_by_name() -> None:
    request = make_request("electra", ROWS)
    assert request.model_name == "electra"
    sent = zip(request.inputs, request.raw_input_contents, strict=True)
    found = {
        each.name: np.frombuffer(content, np.int32).reshape(tuple(each.shape))
        for each, content in sent
    }
    assert {each.datatype for each in request.inputs} == {"INT32"}
    assert list(found) == list(tensors.INPUTS)
    np.testing.assert_array_equal(found[tensors.INPUT_IDS], ROWS.input_ids)
    np.testing.assert_array_equal(found[tensors.ATTENTION_MASK], ROWS.attention_mask)
    np.testing.assert_array_equal(found[tensors.TOKEN_TYPE_IDS], ROWS.token_type_ids)
    assert [each.name for each in request.outputs] == list(tensors.OUTPUTS)


@pytest.mark.parametrize("names", [tensors.OUTPUTS, tensors.OUTPUTS[::-1]])
def test_logits_are_read_in_any_order(names: tuple[str, str]) -> None:
    found = read_logits(response({name: LOGITS[name] for name in names}), (2, 3))
    np.testing.assert_array_equal(found.start, LOGITS[tensors.START_LOGITS])
    np.testing.assert_array_equal(found.end, LOGITS[tensors.END_LOGITS])


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (response({}), "no end_logits and no start_logits"),
        (response({tensors.START_LOGITS: LOGITS[tensors.START_LOGITS]}), "no end_logits"),
        (response({name: each[:1] for name, each in LOGITS.items()}), r"shape \(1, 3\), not"),
        (response({name: each.T for name, each in LOGITS.items()}), r"shape \(3, 2\), not"),
        (response(LOGITS, "FP16"), "as FP16"),
    ],
)
def test_a_response_that_breaks_the_contract(wrong: Any, said: str) -> None:
    with pytest.raises(ContractError, match=said):
        read_logits(wrong, (2, 3))


def test_a_config_says_the_shape_of_requests() -> None:
    shape = RequestShape(384, 64, 32)
    config = model_config_pb2.ModelConfig()
    for name, value in shape.parameters().items():
        config.parameters[name].string_value = value
    with pytest.raises(ContractError, match="does not answer questions"):
        read_config(config)
    for name in tensors.INPUTS:
        config.input.add(name=name)
    assert read_config(config) == shape
