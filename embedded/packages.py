"""Which package of a library is installed, where there is one for CPUs and one for GPUs."""

from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from platform import machine

ONNXRUNTIME = ("onnxruntime-gpu", "onnxruntime")
TENSORFLOW = ("tensorflow", "tensorflow-cpu")


def installed(*names: str) -> dict[str, str]:
    """Return the versions of the installed packages among ``names``, by name."""
    found = {}
    for name in names:
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def library(names: tuple[str, ...]) -> str:
    """Return name and version of the first of ``names`` that is installed.

    Raises PackageNotFoundError, with all ``names``, when none is.
    """
    for name, number in installed(*names).items():
        return f"{name} {number}"
    raise PackageNotFoundError(" or ".join(names))


def has_cuda(backend: str) -> bool:
    """Whether the runtime of our ``backend`` can use a GPU."""
    runtimes = {"onnxruntime": onnxruntime_has_cuda, "tensorflow": tensorflow_has_cuda}
    return backend in runtimes and runtimes[backend]()


def onnxruntime_has_cuda() -> bool:
    """Whether the installed ONNX Runtime is the one for NVIDIA's GPUs."""
    return "onnxruntime-gpu" in installed(*ONNXRUNTIME)


def tensorflow_has_cuda() -> bool:
    """Whether the installed TensorFlow can use a GPU: on x86-64, all but tensorflow-cpu can."""
    return machine() == "x86_64" and "tensorflow" in installed(*TENSORFLOW)
