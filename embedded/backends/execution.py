"""Triton's side of a Python-based backend: requests in, responses out, faults kept apart."""

import threading
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import triton_python_backend_utils as pb_utils
from numpy.typing import NDArray

from embedded.backends.lanes import Inputs, Logits
from embedded.backends.model_file import request_shape
from embedded.backends.rows import Computation, RowError, check_rows
from qa import tensors


@dataclass(frozen=True)
class Asked:
    """A request to compute, and the sender of its response."""

    inputs: Inputs
    sender: Any

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and length."""
        rows, length = self.inputs[tensors.INPUT_IDS].shape
        return rows, length


class PythonModel(ABC):
    """What Triton's Python stub creates for a model instance, and calls."""

    def initialize(self, args: Mapping[str, str]) -> None:
        """Load the model."""
        if not np.__version__.startswith("1."):  # the stub would corrupt tensors without an error
            raise RuntimeError(
                f"numpy {np.__version__} corrupts tensors in Triton's stub: use 1.26"
            )
        self._sequence_length = request_shape(args).sequence_length
        self._compute = self.load(args)

    @abstractmethod
    def load(self, args: Mapping[str, str]) -> Computation:
        """Return what computes a batch."""

    def execute(self, requests: Sequence[Any]) -> None:
        """Answer the requests of one execution."""
        respond(requests, self._compute, self._sequence_length)


def respond(requests: Sequence[Any], compute: Computation, sequence_length: int) -> None:
    """Answer all requests of one execution, each as soon as ``compute`` has done its rows.

    A faulty request gets an error, and the others get their logits. A request that was cancelled or
    has timed out is not computed: Triton reads the next batch ahead, and what is in that batch can
    no longer leave the queue.
    """
    inputs = [_read(request) for request in requests]
    faults = [_fault(*each, sequence_length) for each in zip(requests, inputs, strict=True)]
    senders = [request.get_response_sender() for request in requests]
    # an exception from here on would have Triton answer some requests twice;
    # a thread sends the answers: Triton is slow to accept one, and the lanes would wait
    with ThreadPoolExecutor(1, "answers") as sending:
        sound = []
        for each, sender, fault in zip(inputs, senders, faults, strict=True):
            if fault is None:
                sound.append(Asked(each, sender))
            else:
                sending.submit(_send, sender, fault)
        _compute(sound, compute, sending)


def _read(request: Any) -> Inputs:
    return {
        name: pb_utils.get_input_tensor_by_name(request, name).as_numpy() for name in tensors.INPUTS
    }


def _fault(request: Any, inputs: Inputs, sequence_length: int) -> Any | None:
    """Return the error for a request that must not be computed; None if it may be."""
    if request.is_cancelled():
        return _error("cancelled before it was computed")
    try:
        check_rows(inputs, sequence_length)
    except RowError as error:
        return _error(str(error), is_invalid=True)
    return None


def _compute(asked: Sequence[Asked], compute: Computation, sending: Executor) -> None:
    """Compute all as one batch; if that fails, those left one by one, to find the faulty one."""
    if not asked:
        return
    answers = Answers(asked, sending)
    joined = {name: _joined([each.inputs[name] for each in asked]) for name in tensors.INPUTS}
    try:
        logits = compute(joined, done=answers.done)
    except Exception as error:  # whatever the runtime raises for bad input
        if len(asked) > 1:
            for each in answers.unsent():
                _compute([each], compute, sending)
        elif answers.unsent():
            # so ONNX Runtime and TensorFlow name their errors about tensors
            is_invalid = type(error).__name__.startswith("InvalidArgument")
            message = f"the model failed on this request: {error}"
            sending.submit(_send, asked[0].sender, _error(message, is_invalid=is_invalid))
    else:
        answers.finish(*logits)


class Answers:
    """The answers to the requests of one batch: each is sent when its last row is computed."""

    def __init__(self, asked: Sequence[Asked], sending: Executor) -> None:
        self._asked, self._sending = asked, sending
        rows = np.array([each.shape[0] for each in asked])
        self._firsts = np.cumsum(rows) - rows
        self._owners = np.repeat(np.arange(len(asked)), rows)  # of each row of the batch
        self._left = rows
        self._sent: set[int] = set()
        self._lock = threading.Lock()

    def done(self, rows: NDArray[np.int64], start: Logits, end: Logits) -> None:
        """Send the answers that ``rows`` of the batch complete; may be called by any thread."""
        for owner in self._owners[rows]:
            with self._lock:
                self._left[owner] -= 1
                is_complete = self._left[owner] == 0
            if is_complete:
                self._answer(int(owner), start, end)

    def finish(self, start: Logits, end: Logits) -> None:
        """Send the other answers, of requests with rows that are all padding."""
        for number in set(range(len(self._asked))) - self._sent:
            self._answer(number, start, end)

    def unsent(self) -> list[Asked]:
        """Return the requests without an answer; call it only when nothing computes any more."""
        return [each for number, each in enumerate(self._asked) if number not in self._sent]

    def _answer(self, number: int, start: Logits, end: Logits) -> None:
        rows, length = self._asked[number].shape
        first = self._firsts[number]
        part = np.s_[first : first + rows, :length]  # without the padding of others
        self._sent.add(number)
        response = _response(start[part], end[part])
        self._sending.submit(_send, self._asked[number].sender, response)


def _joined(arrays: list[NDArray[np.int32]]) -> NDArray[np.int32]:
    """Return the rows of all arrays, padded with 0 to the longest."""
    width = max(each.shape[1] for each in arrays)
    return np.concatenate([np.pad(each, ((0, 0), (0, width - each.shape[1]))) for each in arrays])


def _response(start: Logits, end: Logits) -> Any:
    outputs = zip(tensors.OUTPUTS, (start, end), strict=True)
    return pb_utils.InferenceResponse([pb_utils.Tensor(name, array) for name, array in outputs])


def _error(message: str, *, is_invalid: bool = False) -> Any:
    codes = pb_utils.TritonError
    code = codes.INVALID_ARG if is_invalid else codes.INTERNAL
    return pb_utils.InferenceResponse(error=pb_utils.TritonError(message, code))


def _send(sender: Any, response: Any) -> None:
    """Send the one answer of a request; if that fails, Triton's log says so."""
    try:
        sender.send(response, flags=pb_utils.TRITONSERVER_RESPONSE_COMPLETE_FINAL)
    except Exception as error:  # in this thread, nobody else would see it
        pb_utils.Logger.log_error(f"an answer could not be sent: {error}")
