"""Which package is installed where several bring the same library, as one for GPUs does."""

from importlib.metadata import PackageNotFoundError, version
from platform import machine

ONNXRUNTIME = ("onnxruntime-gpu", "onnxruntime")
TENSORFLOW = ("tensorflow", "tensorflow-cpu")


def installed(*names: str) -> dict[str, str]:
    """Return the versions of those of the packages ``names`` that are installed, by name."""
    found = {}
    for name in names:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def library(names: tuple[str, ...]) -> str:
    """Return name and version of the first of ``names`` that is installed.

    Raises PackageNotFoundError, which names them all, when none is.
    """
    for name, number in installed(*names).items():
        return f"{name} {number}"
    raise PackageNotFoundError(" or ".join(names))


def has_cuda(backend: str) -> bool:
    """Whether what runs the models of our ``backend`` may use a GPU."""
    runtimes = {"onnxruntime": onnxruntime_has_cuda, "tensorflow": tensorflow_has_cuda}
    return backend in runtimes and runtimes[backend]()


def onnxruntime_has_cuda() -> bool:
    """Whether the installed ONNX Runtime is the one for NVIDIA's GPUs."""
    return "onnxruntime-gpu" in installed(*ONNXRUNTIME)


def tensorflow_has_cuda() -> bool:
    """Whether the installed TensorFlow may use a GPU: on x86-64 Linux, all but tensorflow-cpu."""
    return machine() == "x86_64" and "tensorflow" in installed(*TENSORFLOW)
