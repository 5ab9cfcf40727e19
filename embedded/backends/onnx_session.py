"""How ONNX Runtime opens an ONNX file and runs it: alike to serve it and to prove it."""

import ctypes
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from embedded.backends.lanes import Lanes, Model
from embedded.backends.providers import CPU, Provider, check_providers
from embedded.backends.rows import ON_CPU, Computation, compute_rows
from qa import tensors

Inputs = Mapping[str, NDArray[np.int32]]
Logits = tuple[NDArray[np.float32], NDArray[np.float32]]

CUDA_LIBRARY = Path(onnxruntime.__file__).parent / "capi" / "libonnxruntime_providers_cuda.so"


def available_providers() -> list[str]:
    """Return the providers that this ONNX Runtime was built with, whatever the machine has."""
    return list(onnxruntime.get_available_providers())


def load_on_cpu(path: Path, threads: int) -> Computation:
    """Return what computes a batch with the model in ``path`` on ``threads`` cores of a CPU.

    It takes the contract's inputs, int32 ``[rows, length]``, drops their padding, and returns start
    and end logits, float32 likewise.
    """
    cpu: list[Provider] = [(CPU, {})]
    model, lanes = open_session(path, cpu, threads), None
    if threads > 1:
        one = open_session(path, cpu, 1)  # several threads may call it at a time
        lanes = Lanes([one] * threads)
    return partial(compute_rows, model=model, cutting=ON_CPU, lanes=lanes)


def open_session(path: Path, providers: Sequence[Provider], threads: int) -> Model:
    """Return the model in ``path`` as a function, on the first of ``providers``.

    Arguments and errors are those of ``start_session``.
    """
    session = start_session(path, providers, threads)
    return bound(session) if _on_gpu(providers) else plain(session)


def start_session(path: Path, providers: Sequence[Provider], threads: int) -> Any:
    """Return ONNX Runtime's session of the model in ``path``.

    ``threads`` are those of one operator on a CPU. Raises RuntimeError when a provider cannot be
    used, where ONNX Runtime itself would go on with the CPU.
    """
    preload(providers)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    # when a run has ended its threads would spin on, on the cores that Triton needs next
    options.add_session_config_entry("session.force_spinning_stop", "1")
    session = onnxruntime.InferenceSession(
        str(path), options, providers=list(providers), enable_fallback=False
    )
    check_session(session, providers)
    return session


def preload(providers: Sequence[Provider]) -> None:
    """Load CUDA's libraries where one of ``providers`` needs them: pip put them out of the way."""
    if _on_gpu(providers) and hasattr(onnxruntime, "preload_dlls"):  # from 1.21 on
        onnxruntime.preload_dlls()


def check_session(session: Any, providers: Sequence[Provider]) -> None:
    """Raise RuntimeError, with the library that is missing, unless it has all ``providers``."""
    reason = missing_library() if _on_gpu(providers) else None
    check_providers(providers, session.get_providers(), reason)


def _on_gpu(providers: Sequence[Provider]) -> bool:
    return any(name != CPU for name, _ in providers)


def missing_library(library: Path = CUDA_LIBRARY) -> str | None:
    """Return what the loader says of the CUDA provider's ``library``; None when it loads.

    As in "libcublasLt.so.13: cannot open shared object file": it names the library that is
    missing, while ONNX Runtime says so in its log alone.
    """
    try:
        ctypes.CDLL(str(library))
    except OSError as error:
        return str(error)
    return None


def plain(session: Any) -> Model:
    """Return the runs of ``session`` as a function."""

    def run(inputs: Inputs) -> Logits:
        start, end = session.run(list(tensors.OUTPUTS), dict(inputs))
        return start, end

    return run


def bound(session: Any) -> Model:
    """Return the runs of ``session``, inputs and outputs bound, as a function; one at a time.

    The logits are copied from the device to where they are returned. On a CPU, where nothing is
    copied, binding takes some 40 us a run and gains nothing.
    """
    binding = session.io_binding()  # made once: that takes as long as to bind

    def run(inputs: Inputs) -> Logits:
        for name in tensors.INPUTS:
            binding.bind_cpu_input(name, np.ascontiguousarray(inputs[name]))
        shape = inputs[tensors.INPUT_IDS].shape
        start, end = np.empty(shape, np.float32), np.empty(shape, np.float32)
        for name, array in zip(tensors.OUTPUTS, (start, end), strict=True):
            binding.bind_output(name, "cpu", 0, np.float32, shape, array.ctypes.data)
        session.run_with_iobinding(binding)
        return start, end

    return run
