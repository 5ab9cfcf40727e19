"""The tensor contract in Triton's messages: its inputs, its outputs, and what a config says."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from embedded.protocol import service_pb2
from qa import tensors
from qa.tensors import ContractError, RequestShape, read_request_shape
from qa.windows import Rows


@dataclass(frozen=True)
class Logits:
    """A model's output for ``n`` rows: float32 ``[n, length]`` each."""

    start: NDArray[np.float32]
    end: NDArray[np.float32]


def make_request(model: str, rows: Rows) -> Any:
    """Return the ModelInferRequest that asks ``model`` for the logits of ``rows``."""
    request = service_pb2.ModelInferRequest(model_name=model)
    arrays = (rows.input_ids, rows.attention_mask, rows.token_type_ids)
    for name, array in zip(tensors.INPUTS, arrays, strict=True):
        request.inputs.add(name=name, datatype="INT32", shape=array.shape)
        request.raw_input_contents.append(array.tobytes())
    for name in tensors.OUTPUTS:
        request.outputs.add(name=name)
    return request


def read_logits(response: Any, shape: tuple[int, ...]) -> Logits:
    """Return the logits of a ModelInferResponse to rows of ``shape``, ``[n, length]``.

    Outputs may come in any order. They are not copied: the arrays are the response's own memory.
    Raises ContractError when one is missing, or is not float32 of that shape.
    """
    arrays = {}
    for output, content in zip(response.outputs, response.raw_output_contents, strict=True):
        if output.datatype != "FP32" or tuple(output.shape) != shape:
            raise ContractError(
                f"the model gave {output.name} as {output.datatype} of shape "
                f"{tuple(output.shape)}, not as FP32 of shape {shape}"
            )
        arrays[output.name] = np.frombuffer(content, np.float32).reshape(shape)
    if missing := set(tensors.OUTPUTS) - arrays.keys():
        raise ContractError(f"the model gave no {' and no '.join(sorted(missing))}")
    return Logits(arrays[tensors.START_LOGITS], arrays[tensors.END_LOGITS])


def read_config(config: Any) -> RequestShape:
    """Return what a ModelConfig says about requests to the model.

    Raises ContractError when its inputs are not the contract's, or a parameter is missing.
    """
    inputs = {tensor.name for tensor in config.input}
    if inputs != set(tensors.INPUTS):
        raise ContractError(f"it does not answer questions: its inputs are {sorted(inputs)}")
    return read_request_shape({name: each.string_value for name, each in config.parameters.items()})
