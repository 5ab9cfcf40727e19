"""Triton's side of a Python-based backend: requests in, responses out, faults kept apart."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import triton_python_backend_utils as pb_utils
from numpy.typing import NDArray

from embedded.backends.rows import RowError, check_rows
from qa import tensors

Inputs = dict[str, NDArray[np.int32]]
#: The contract's inputs, of one batch, to start and end logits, float32 [rows, length].
Compute = Callable[[Inputs], tuple[NDArray[np.float32], NDArray[np.float32]]]


def check_numpy() -> None:
    """Raise RuntimeError on numpy 2, whose tensors the stub corrupts without an error."""
    if not np.__version__.startswith("1."):
        raise RuntimeError(f"numpy {np.__version__} corrupts tensors in Triton's stub: use 1.26")


def respond(requests: Sequence[Any], compute: Compute, sequence_length: int) -> list[Any]:
    """Answer all requests of one execution, whose rows ``compute`` gets together.

    A request at fault gets an error of its own, and its neighbours their logits. One that was
    cancelled, or whose deadline has passed, is not computed: Triton reads the next batch ahead,
    and what is in it can no longer be taken out of the queue.
    """
    inputs = [_read(request) for request in requests]
    faults = [_fault(*each, sequence_length) for each in zip(requests, inputs, strict=True)]
    sound = [each for each, fault in zip(inputs, faults, strict=True) if fault is None]
    results = iter(_compute(sound, compute))
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


def _compute(inputs: list[Inputs], compute: Compute) -> list[Any]:
    """Compute all inputs as one batch; when that fails, each alone, to find the one at fault."""
    if not inputs:
        return []
    joined = {name: _joined([each[name] for each in inputs]) for name in tensors.INPUTS}
    try:
        start, end = compute(joined)
    except Exception as error:  # whatever the runtime raises for bad input
        if len(inputs) == 1:
            # as ONNX Runtime and TensorFlow call what is wrong with the tensors
            is_invalid = type(error).__name__.startswith("InvalidArgument")
            return [_error(f"the model failed on this request: {error}", is_invalid=is_invalid)]
        return [response for each in inputs for response in _compute([each], compute)]
    shapes = [each[tensors.INPUT_IDS].shape for each in inputs]
    return [
        _response(*pair) for pair in zip(_parted(start, shapes), _parted(end, shapes), strict=True)
    ]


def _joined(arrays: list[NDArray[np.int32]]) -> NDArray[np.int32]:
    """Return the rows of all arrays, padded with 0 to the longest."""
    width = max(each.shape[1] for each in arrays)
    joined = np.zeros((sum(map(len, arrays)), width), np.int32)
    for rows, array in zip(_parted(joined, [each.shape for each in arrays]), arrays, strict=True):
        rows[:] = array
    return joined


def _parted(joined: NDArray[Any], shapes: list[tuple[int, ...]]) -> Iterator[NDArray[Any]]:
    """Yield the rows of each shape, one after another, as views without the padding of others."""
    first = 0
    for rows, width in shapes:
        yield joined[first : first + rows, :width]
        first += rows


def _response(start: NDArray[np.float32], end: NDArray[np.float32]) -> Any:
    outputs = zip(tensors.OUTPUTS, (start, end), strict=True)
    return pb_utils.InferenceResponse([pb_utils.Tensor(name, array) for name, array in outputs])


def _error(message: str, *, is_invalid: bool = False) -> Any:
    codes = pb_utils.TritonError
    code = codes.INVALID_ARG if is_invalid else codes.INTERNAL
    return pb_utils.InferenceResponse(error=pb_utils.TritonError(message, code))
