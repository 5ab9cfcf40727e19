"""A real tritonserver as a child process, from a Python package instead of a container.

The server binary and the stubs are those of nvidia-pytriton (its API is not used). Its
Python-based backends, ``serving/backends/<name>/model.py``, take the names of the native ones,
so that it serves the same model repository as NVIDIA's container does.
"""

import ctypes
import importlib.util
import logging
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import grpc
from tritonclient.grpc import service_pb2, service_pb2_grpc

from serving.preflight import find_libpython, python_version

logger = logging.getLogger(__name__)

BACKENDS = Path(__file__).parent / "backends"
SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - where the Python backend keeps its regions
LOG_LINES_SHOWN = 15
PR_SET_PDEATHSIG = 1


class EmbeddedError(Exception):
    """The embedded Triton cannot start, or did not come up; the message says what to do."""


@dataclass(frozen=True)
class Ports:
    """Where Triton listens, on the loopback interface only."""

    http: int
    grpc: int
    metrics: int


@dataclass(frozen=True)
class EmbeddedTriton:
    """A running tritonserver that has said it is ready."""

    process: subprocess.Popen[bytes]
    url: str  # host:port of gRPC
    log: Path


@contextmanager
def run_triton(
    repository: Path, model: str, ports: Ports, *, start_seconds: float, grace_seconds: float
) -> Iterator[EmbeddedTriton]:
    """Run a tritonserver that serves ``model`` of ``repository``, until the block is left.

    On the way out it finishes what is in flight, within ``grace_seconds``, and leaves no
    process, port or shared memory. Raises EmbeddedError when it cannot start or is not ready
    within ``start_seconds``.
    """
    check_model(repository, model)
    for name, port in vars(ports).items():
        check_port("127.0.0.1", port, f"Triton's {name} port", f"TRITON_{name.upper()}_PORT")
    remove_leftovers()
    with tempfile.TemporaryDirectory(prefix=_prefix(os.getpid())) as scratch:
        folder = Path(scratch)
        _lay_out(folder, repository, model)
        log = folder / "triton.log"
        process = _start(folder, ports, log, grace_seconds)
        triton = EmbeddedTriton(process, f"127.0.0.1:{ports.grpc}", log)
        try:
            _wait_until_ready(triton, start_seconds)
            yield triton
        finally:
            try:
                _stop(process, grace_seconds)
            finally:
                remove_leftovers(os.getpid())


def check_model(repository: Path, model: str) -> None:
    """Raise EmbeddedError unless ``model`` was exported into ``repository``."""
    folder = repository / model
    if not (folder / "config.pbtxt").is_file():
        known = sorted(path.parent.name for path in repository.glob("*/config.pbtxt"))
        raise EmbeddedError(
            f"there is no model {model!r} in {repository}; "
            + (f"known are {', '.join(known)}" if known else "run make export")
        )
    if not any(folder.glob("*/model.*")):
        raise EmbeddedError(f"model {model!r} has no model file in {folder}; run make export")


def check_port(host: str, port: int, what: str, setting: str) -> None:
    """Raise EmbeddedError when ``port`` is taken."""
    listen(host, port, what, setting).close()


def listen(host: str, port: int, what: str, setting: str) -> socket.socket:
    """Bind ``port``; raise EmbeddedError, which names the setting, when that fails."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
    except OSError as error:
        bound.close()
        raise EmbeddedError(
            f"{what} {port} on {host} cannot be used ({error.strerror}); "
            f"free it or choose another with {setting}="
        ) from error
    return bound


def _prefix(pid: int) -> str:
    return f"electra-qa-{pid}-"


def remove_leftovers(pid: int | None = None) -> None:
    """Remove what the process ``pid`` left behind, or else what all dead ones did.

    A Triton that is killed leaves its shared memory, and a gateway that is killed its folder.
    """
    for parent in (SHARED_MEMORY, Path(tempfile.gettempdir())):
        for path in parent.glob("electra-qa-*-*"):
            owner = path.name.split("-")[2]
            mine = owner == str(pid)
            if (parent == SHARED_MEMORY and mine) or (
                pid is None and owner.isdecimal() and not Path("/proc", owner).exists()
            ):
                shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


def _pytriton() -> Path:
    spec = importlib.util.find_spec("pytriton")
    if spec is None or not spec.submodule_search_locations:
        raise EmbeddedError(
            "nvidia-pytriton is not installed, whose tritonserver is run: make setup"
        )
    return Path(spec.submodule_search_locations[0])


def _lay_out(folder: Path, repository: Path, model: str) -> None:
    """Lay out Triton's folders: the one model, the Python backend and ours, copied.

    Triton refuses symbolic links in the folder of a Python-based backend.
    """
    server = _pytriton() / "tritonserver"
    version = python_version()
    shutil.copytree(server / "backends" / "python", folder / "backends" / "python")
    stub = server / "python_backend_stubs" / version / "triton_python_backend_stub"
    shutil.copy2(stub, folder / "backends" / "python")
    for source in BACKENDS.glob("*/model.py"):
        target = folder / "backends" / source.parent.name
        target.mkdir()
        shutil.copy2(source, target)
    (folder / "models").mkdir()
    (folder / "models" / model).symlink_to((repository / model).resolve())


def _start(folder: Path, ports: Ports, log: Path, grace_seconds: float) -> subprocess.Popen[bytes]:
    server = _pytriton() / "tritonserver" / "bin" / "tritonserver"
    command = [
        str(server),
        f"--model-repository={folder / 'models'}",
        f"--backend-directory={folder / 'backends'}",
        f"--backend-config=python,shm-region-prefix-name={_prefix(os.getpid())}{ports.grpc}",
        "--model-control-mode=none",
        "--disable-auto-complete-config",
        "--allow-sagemaker=false",
        "--allow-vertex-ai=false",
        f"--exit-timeout-secs={max(1, round(grace_seconds))}",
    ]
    for name, port in vars(ports).items():
        address = "metrics-address" if name == "metrics" else f"{name}-address"
        command += [f"--{address}=127.0.0.1", f"--{name}-port={port}"]
    with log.open("wb") as output:  # a file: a pipe would be held open by an orphaned stub
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=_environment(),
            start_new_session=True,  # a terminal's Ctrl-C is for the gateway, which drains first
            preexec_fn=_die_with_parent,  # before any thread is started
        )


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def _environment() -> dict[str, str]:
    libpython = find_libpython()
    if libpython is None:
        raise EmbeddedError("Triton's stub finds no libpython: run make setup, which says more")
    libraries = [str(_pytriton().parent / "nvidia_pytriton.libs"), libpython]
    inherited = os.environ.get("LD_LIBRARY_PATH", "")
    return {
        **os.environ,
        "LD_LIBRARY_PATH": ":".join(part for part in (*libraries, inherited) if part),
        # the stub runs the first python on PATH to find its packages
        "PATH": f"{Path(sys.executable).parent}:{os.environ.get('PATH', os.defpath)}",
    }


def _wait_until_ready(triton: EmbeddedTriton, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    with grpc.insecure_channel(triton.url) as channel:
        stub = service_pb2_grpc.GRPCInferenceServiceStub(channel)
        while time.monotonic() < deadline:
            if triton.process.poll() is not None:
                raise EmbeddedError(
                    f"Triton ended with code {triton.process.returncode} instead of coming up; "
                    f"the last lines of its log:\n{tail(triton.log)}"
                )
            try:
                if stub.ServerReady(service_pb2.ServerReadyRequest(), timeout=1).ready:
                    return
            except grpc.RpcError:
                time.sleep(0.05)
    raise EmbeddedError(
        f"Triton did not come up within {seconds:g} s (TRITON_START_SECONDS); "
        f"the last lines of its log:\n{tail(triton.log)}"
    )


def tail(log: Path) -> str:
    """Return the last lines of Triton's log, without its tables of options."""
    lines = log.read_text(errors="replace").splitlines()
    lines = [line for line in lines if line.strip() and not line.startswith(("|", "+"))]
    return "\n".join(lines[-LOG_LINES_SHOWN:])


def _stop(process: subprocess.Popen[bytes], grace_seconds: float) -> None:
    process.terminate()
    try:
        process.wait(grace_seconds + 5)  # Triton counts the grace period itself
    except subprocess.TimeoutExpired:
        logger.warning("Triton did not end within %g s; killing it", grace_seconds + 5)
    finally:
        # its session holds the stubs too, which a killed server would leave
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
