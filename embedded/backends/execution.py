"""Triton's side of a Python-based backend: requests in, responses out, faults kept apart."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import triton_python_backend_utils as pb_utils
from numpy.typing import NDArray

from embedded.backends.rows import Cutting, Model, RowError, check_rows, compute_rows
from qa import tensors

Inputs = dict[str, NDArray[np.int32]]


def check_numpy() -> None:
    """Raise RuntimeError on numpy 2, whose tensors the stub corrupts without an error."""
    if not np.__version__.startswith("1."):
        raise RuntimeError(f"numpy {np.__version__} corrupts tensors in Triton's stub: use 1.26")


def respond(
    requests: Sequence[Any], model: Model, sequence_length: int, cutting: Cutting
) -> list[Any]:
    """Answer all requests of one execution with as few model calls as their lengths allow.

    A request at fault gets an error of its own, and its neighbours their logits. One that was
    cancelled, or whose deadline has passed, is not computed: Triton reads the next batch ahead,
    and what is in it can no longer be taken out of the queue. For ``cutting`` see
    ``compute_rows``.
    """
    inputs = [_read(request) for request in requests]
    faults = [_fault(*each, sequence_length) for each in zip(requests, inputs, strict=True)]
    sound = [each for each, fault in zip(inputs, faults, strict=True) if fault is None]
    results = iter(_compute(sound, model, cutting))
    return [next(results) if fault is None else fault for fault in faults]


def _read(request: Any) -> Inputs:
    return {
        name: pb_utils.get_input_tensor_by_name(request, name).as_numpy() for name in tensors.INPUTS
    }


def _fault(request: Any, inputs: Inputs, sequence_length: int) -> Any | None:
    """Return the response to a request that is not computed."""
    if request.is_cancelled():
        return _error("cancelled before it was computed")
    try:
        check_rows(inputs, sequence_length)
    except RowError as error:
        return _error(str(error), is_invalid=True)
    return None


def _compute(inputs: list[Inputs], model: Model, cutting: Cutting) -> list[Any]:
    """Compute all inputs as one batch; when that fails, each alone, to find the one at fault."""
    if not inputs:
        return []
    joined = {name: np.concatenate([each[name] for each in inputs]) for name in tensors.INPUTS}
    try:
        start, end = compute_rows(joined, model, cutting)
    except Exception as error:  # whatever the runtime raises for bad input
        if len(inputs) == 1:
            # as ONNX Runtime and TensorFlow call what is wrong with the tensors
            is_invalid = type(error).__name__.startswith("InvalidArgument")
            return [_error(f"the model failed on this request: {error}", is_invalid=is_invalid)]
        return [response for each in inputs for response in _compute([each], model, cutting)]
    sizes = [len(each[tensors.INPUT_IDS]) for each in inputs]
    cuts = np.cumsum(sizes)[:-1]
    return [
        _response(*pair) for pair in zip(np.split(start, cuts), np.split(end, cuts), strict=True)
    ]


def _response(start: NDArray[np.float32], end: NDArray[np.float32]) -> Any:
    outputs = zip(tensors.OUTPUTS, (start, end), strict=True)
    return pb_utils.InferenceResponse([pb_utils.Tensor(name, array) for name, array in outputs])


def _error(message: str, *, is_invalid: bool = False) -> Any:
    codes = pb_utils.TritonError
    code = codes.INVALID_ARG if is_invalid else codes.INTERNAL
    return pb_utils.InferenceResponse(error=pb_utils.TritonError(message, code))
