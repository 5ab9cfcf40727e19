"""A real tritonserver as a child process, from a Python package instead of a container.

The server binary and the stubs are those of nvidia-pytriton (its API is not used). Its
Python-based backends, ``embedded/backends/<name>/model.py``, take the names of the native ones,
so that it serves the same model repository as NVIDIA's container does.
"""

import logging
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc

from embedded.errors import EmbeddedError
from embedded.layout import lay_out, prefix, pytriton, remove_leftovers
from embedded.packages import onnxruntime_has_cuda, tensorflow_has_cuda
from embedded.ports import Ports, check_port
from embedded.preflight import find_libpython
from embedded.process import end, kill, start
from embedded.protocol import reconnect_options, service_pb2, service_pb2_grpc
from qa.proxies import grpc_options, is_direct, without_proxies

logger = logging.getLogger(__name__)

LOOPBACK = "127.0.0.1"
REACHED = {"0.0.0.0": LOOPBACK, "::": "::1"}  # noqa: S104 - all interfaces only if told so
LOG_LINES_SHOWN = 15


@dataclass
class EmbeddedTriton:
    """A running tritonserver, which can be started again when it has died."""

    command: Sequence[str]
    url: str  # host:port of gRPC
    log: Path
    process: subprocess.Popen[bytes]

    @property
    def has_ended(self) -> bool:
        """Whether the server's process has ended."""
        return self.process.poll() is not None

    def kill(self) -> None:
        """Kill the server and its stubs, which would outlive it, and clear up."""
        kill(self.process)
        remove_leftovers(os.getpid())

    def start_again(self) -> None:
        """Start the server again; the kernel ends it with the thread that calls this."""
        self.process = _spawn(self.command, self.log)

    def wait_until_ready(self, seconds: float) -> None:
        """Return once it is ready; raises EmbeddedError when it ends, or takes too long."""
        deadline = time.monotonic() + seconds
        options = [*reconnect_options(100), *grpc_options(self.url)]
        with grpc.insecure_channel(self.url, options=options) as channel:
            stub = service_pb2_grpc.GRPCInferenceServiceStub(channel)
            while time.monotonic() < deadline:
                if self.has_ended:
                    raise EmbeddedError(
                        f"Triton ended with code {self.process.returncode} instead of coming up; "
                        f"the last lines of its log:\n{_tail(self.log)}"
                    )
                try:
                    if stub.ServerReady(service_pb2.ServerReadyRequest(), timeout=1).ready:
                        return
                except grpc.RpcError:
                    time.sleep(0.05)
        raise EmbeddedError(
            f"Triton did not come up within {seconds:g} s (ELECTRA_QA_TRITON_START_SECONDS); "
            f"the last lines of its log:\n{_tail(self.log)}"
        )


@contextmanager
def run_triton(
    repository: Path,
    models: Sequence[str],
    ports: Ports,
    *,
    host: str = LOOPBACK,
    start_seconds: float,
    grace_seconds: float,
    load_on_request: bool = False,
) -> Iterator[EmbeddedTriton]:
    """Run a tritonserver that serves ``models`` of ``repository``, until the block is left.

    It listens on ``host``, an IPv4 or IPv6 address, by default on the loopback interface only.
    With ``load_on_request`` no model is loaded until a client asks for it.

    At the end it finishes what is in flight, within ``grace_seconds``, and leaves no process, port
    or shared memory. Raises EmbeddedError when it cannot start or is not ready within
    ``start_seconds``. The caller checks that the models' files are those of their export
    (``manifest.check_files``): the exporter runs models that have no manifest yet.
    """
    for name, port in vars(ports).items():
        check_port(host, port, f"Triton's {name} port", f"ELECTRA_QA_TRITON_{name.upper()}_PORT")
    remove_leftovers()
    with tempfile.TemporaryDirectory(prefix=prefix(os.getpid())) as scratch:
        folder = Path(scratch)
        lay_out(folder, repository, models)
        log = folder / "triton.log"
        command = _command(folder, host, ports, grace_seconds, load_on_request)
        url = f"{_bracketed(REACHED.get(host, host))}:{ports.grpc}"
        triton = EmbeddedTriton(command, url, log, _spawn(command, log))
        try:
            triton.wait_until_ready(start_seconds)
            yield triton
        finally:
            try:
                _stop(triton.process, grace_seconds)
            finally:
                remove_leftovers(os.getpid())


def _command(
    folder: Path, host: str, ports: Ports, grace_seconds: float, load_on_request: bool
) -> list[str]:
    server = pytriton() / "tritonserver" / "bin" / "tritonserver"
    command = [
        str(server),
        f"--model-repository={folder / 'models'}",
        f"--backend-directory={folder / 'backends'}",
        f"--backend-config=python,shm-region-prefix-name={prefix(os.getpid())}{ports.grpc}",
        f"--model-control-mode={'explicit' if load_on_request else 'none'}",
        "--disable-auto-complete-config",
        "--allow-sagemaker=false",
        "--allow-vertex-ai=false",
        f"--exit-timeout-secs={max(1, round(grace_seconds))}",
    ]
    http_host = f"ipv6:{host}" if ":" in host else host  # without that, on 255.255.255.255
    hosts = {"http": http_host, "grpc": _bracketed(host), "metrics": http_host}
    for name, port in vars(ports).items():
        command += [f"--{name}-address={hosts[name]}", f"--{name}-port={port}"]
    return [*command, *_tracing()]


def _bracketed(host: str) -> str:
    """Return ``host`` as it is written before a port."""
    return f"[{host}]" if ":" in host else host


def _tracing() -> list[str]:
    """Return the flags to trace what is part of a trace, if OpenTelemetry's variables say so."""
    endpoint = _collector()
    if not endpoint:
        return []
    settings = ("mode=opentelemetry", "rate=0", "level=TIMESTAMPS", f"opentelemetry,url={endpoint}")
    return [f"--trace-config={setting}" for setting in settings]


def _collector() -> str | None:
    """Return the URL to which OpenTelemetry's variables send spans; None if they do not."""
    disabled = os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true"
    if disabled or os.environ.get("OTEL_TRACES_EXPORTER", "otlp") != "otlp":
        return None
    if base := os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT"):
        base = f"{base.removesuffix('/')}/v1/traces"
    return os.environ.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") or base


def _spawn(command: Sequence[str], log: Path) -> subprocess.Popen[bytes]:
    with log.open("ab") as output:  # a file: a pipe would be held open by an orphaned stub
        return start(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=_environment(),
        )


def _environment() -> dict[str, str]:
    libpython = find_libpython()
    if libpython is None:
        raise EmbeddedError("Triton's stub finds no libpython: run make setup, which says more")
    libraries = [str(pytriton().parent / "nvidia_pytriton.libs"), libpython]
    inherited = os.environ.get("LD_LIBRARY_PATH", "")
    # Triton connects to the collector alone, with a curl that understands no list in no_proxy
    is_near = is_direct(_collector() or "localhost")
    return {
        **(without_proxies(os.environ) if is_near else os.environ),
        "LD_LIBRARY_PATH": ":".join(part for part in (*libraries, inherited) if part),
        # the stub runs the first python on PATH to find its packages
        "PATH": f"{Path(sys.executable).parent}:{os.environ.get('PATH', os.defpath)}",
        **_gpus(),
    }


def _gpus() -> dict[str, str]:
    """Hide the GPUs if no runtime can use them: Triton would put models on them."""
    if onnxruntime_has_cuda() or tensorflow_has_cuda():
        return {}
    return {"CUDA_VISIBLE_DEVICES": ""}


def _tail(log: Path) -> str:
    """Return the last lines of Triton's log, without its tables of options."""
    lines = log.read_text(errors="replace").splitlines()
    lines = [line for line in lines if line.strip() and not line.startswith(("|", "+"))]
    return "\n".join(lines[-LOG_LINES_SHOWN:])


def _stop(process: subprocess.Popen[bytes], grace_seconds: float) -> None:
    seconds = grace_seconds + 5  # Triton itself ends when the grace period is over
    process.terminate()
    if not end(process, seconds):
        logger.warning("Triton did not end within %g s, and was killed", seconds)
