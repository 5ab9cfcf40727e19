"""How ONNX Runtime opens and runs an ONNX file: the same to serve it and to check it."""

import ctypes
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from embedded.backends.lanes import Inputs, Lanes, Logits, Model
from embedded.backends.providers import CPU, Provider, check_providers
from embedded.backends.rows import ON_CPU, Computation, compute_rows
from qa import tensors

CUDA_LIBRARY = Path(onnxruntime.__file__).parent / "capi" / "libonnxruntime_providers_cuda.so"


def available_providers() -> list[str]:
    """Return the providers that this ONNX Runtime was built with, whatever the machine has."""
    return list(onnxruntime.get_available_providers())


def load_on_cpu(path: Path, threads: int) -> Computation:
    """Return what computes a batch with the model in ``path``, with ``threads`` on a CPU.

    It takes the contract's inputs, int32 ``[rows, length]``, and returns start and end logits,
    float32 ``[rows, length]``.
    """
    cpu: list[Provider] = [(CPU, {})]
    model, lanes = open_session(path, cpu, threads), None
    if threads > 1:
        one = open_session(path, cpu, 1)  # several threads may call it at once
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

    ``threads`` compute one operator on a CPU. Raises RuntimeError when a provider cannot be used;
    ONNX Runtime itself would fall back to the CPU.
    """
    preload(providers)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    # after a run its threads would go on spinning, on cores that Triton needs next
    options.add_session_config_entry("session.force_spinning_stop", "1")
    session = onnxruntime.InferenceSession(
        str(path), options, providers=list(providers), enable_fallback=False
    )
    check_session(session, providers)
    return session


def preload(providers: Sequence[Provider]) -> None:
    """Load CUDA's libraries if one of ``providers`` needs them: pip hides them from the loader."""
    if _on_gpu(providers) and hasattr(onnxruntime, "preload_dlls"):  # from 1.21 on
        onnxruntime.preload_dlls()


def check_session(session: Any, providers: Sequence[Provider]) -> None:
    """Raise RuntimeError, with the missing library, unless ``session`` has all ``providers``."""
    reason = missing_library() if _on_gpu(providers) else None
    check_providers(providers, session.get_providers(), reason)


def _on_gpu(providers: Sequence[Provider]) -> bool:
    return any(name != CPU for name, _ in providers)


def missing_library(library: Path = CUDA_LIBRARY) -> str | None:
    """Return what the loader says of the CUDA provider's ``library``; None when it loads.

    An example is "libcublasLt.so.13: cannot open shared object file". ONNX Runtime names the
    missing library in its log only.
    """
    try:
        ctypes.CDLL(str(library))
    except OSError as error:
        return str(error)
    return None


def plain(session: Any) -> Model:
    """Return a function that runs ``session``."""

    def run(inputs: Inputs) -> tuple[Logits, Logits]:
        start, end = session.run(list(tensors.OUTPUTS), dict(inputs))
        return start, end

    return run


def bound(session: Any) -> Model:
    """Return a function that runs ``session`` with bound inputs and outputs, one run at a time.

    The logits are copied from the device straight into the arrays that are returned. On a CPU
    nothing is copied, and binding would only add some 40 us to a run.
    """
    binding = session.io_binding()  # made once: making it takes as long as binding

    def run(inputs: Inputs) -> tuple[Logits, Logits]:
        for name in tensors.INPUTS:
            binding.bind_cpu_input(name, np.ascontiguousarray(inputs[name]))
        shape = inputs[tensors.INPUT_IDS].shape
        start, end = np.empty(shape, np.float32), np.empty(shape, np.float32)
        for name, array in zip(tensors.OUTPUTS, (start, end), strict=True):
            binding.bind_output(name, "cpu", 0, np.float32, shape, array.ctypes.data)
        session.run_with_iobinding(binding)
        return start, end

    return run
