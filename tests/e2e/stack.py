"""The real gateway and its Triton as child processes, on ports of their own."""

import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.e2e.triton_under_test import models_of
from tests.ports import free_ports

PORTS = (  # the settings that name a stack's ports
    "ELECTRA_QA_PORT",
    "ELECTRA_QA_TRITON_GRPC_PORT",
    "ELECTRA_QA_TRITON_HTTP_PORT",
    "ELECTRA_QA_TRITON_METRICS_PORT",
)
START_SECONDS = 180
STOP_SECONDS = 40
UNLOADED_START_SECONDS = 5  # of gateway and Triton, where nothing else runs
# for clients without TLS: for each, httpx would read all certificates, which takes 50 ms of a core
NO_CERTIFICATES = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
GONE_SECONDS = 5  # the kernel takes a moment to end a process that was killed
PATIENCE_SECONDS = 180  # for what takes a moment unless the machine is busy


@dataclass(frozen=True)
class Stack:
    """A gateway that was started, and where it and its Triton listen."""

    process: subprocess.Popen[bytes]
    log: Path
    port: int
    triton_grpc_port: int
    triton_http_port: int
    triton_metrics_port: int
    triton_host: str = "127.0.0.1"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def ports(self) -> list[int]:
        return [self.port, self.triton_grpc_port, self.triton_http_port, self.triton_metrics_port]

    def said(self, text: str) -> int:
        """How often the gateway's log has ``text``."""
        return self.log.read_text().count(text)

    def stop(self, sent: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(sent)
        return self.process.wait(STOP_SECONDS)


def settings_of(repository: Path, ports: list[int], settings: dict[str, str]) -> dict[str, str]:
    return {
        **os.environ,
        **dict(zip(PORTS, map(str, ports), strict=True)),
        "ELECTRA_QA_MODEL_REPOSITORY": str(repository),
        **settings,
    }


def start(repository: Path, folder: Path, *, wrapper: Sequence[str] = (), **settings: str) -> Stack:
    """Start ``python -m serving``, by the command ``wrapper`` if any, and do not wait for it."""
    ports = free_ports(4)
    if url := os.environ.get("ELECTRA_QA_TRITON_URL"):  # the Triton under test
        skip_unless_served(url, settings)
        ports[1] = int(url.rpartition(":")[2])
    log = folder / f"gateway-{ports[0]}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*wrapper, sys.executable, "-m", "serving"],
            env=settings_of(repository, ports, settings),
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    port, grpc_port, http_port, metrics_port = ports
    grpc_port = int(settings.get("ELECTRA_QA_TRITON_GRPC_PORT", grpc_port))
    host = settings.get("ELECTRA_QA_TRITON_HOST", "127.0.0.1")
    return Stack(process, log, port, grpc_port, http_port, metrics_port, host)


def triton_of(stack: Stack) -> dict[str, str]:
    """The settings of a gateway that asks the Triton of ``stack`` and starts none of its own."""
    own = f"{stack.triton_host}:{stack.triton_grpc_port}"
    return {"ELECTRA_QA_TRITON_URL": os.environ.get("ELECTRA_QA_TRITON_URL", own)}


def skip_unless_served(url: str, settings: Mapping[str, str]) -> None:
    wanted, served = settings.get("ELECTRA_QA_MODEL"), models_of(url)
    if wanted and wanted not in served:
        pytest.skip(f"the Triton under test does not serve {wanted}")


def wait_for(condition: Callable[[], bool], seconds: float = PATIENCE_SECONDS) -> None:
    """Return as soon as ``condition`` holds, however quick or slow the machine is."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds:g} s"
        time.sleep(0.01)


def get(url: str, seconds: float = 60) -> httpx.Response:
    """Ask a server on this machine, on a new connection."""
    return httpx.get(url, timeout=seconds, verify=NO_CERTIFICATES)


def is_up(url: str) -> bool:
    """Whether a GET of ``url`` finds a server, and its status is 200."""
    try:
        return get(url).status_code == 200
    except httpx.TransportError:
        return False


def is_ready(stack: Stack) -> bool:
    """Whether a gateway, which must be listening, says that it is ready."""
    return get(f"{stack.url}/health/ready").status_code == 200


def wait_until_ready(stack: Stack, seconds: float = START_SECONDS) -> None:
    def ready() -> bool:
        assert stack.process.poll() is None, stack.log.read_text()
        return is_up(f"{stack.url}/health/ready")

    wait_for(ready, seconds)


def counted(stack: Stack, metric: str) -> int:
    """A metric of the gateway."""
    text = get(f"{stack.url}/metrics").text
    found = re.search(rf"^electra_qa_{metric} (\d+)", text, re.MULTILINE)
    assert found, text
    return int(found[1])


def windows_in_flight(stack: Stack) -> int:
    return counted(stack, "windows_in_flight")


def triton(stack: Stack, metric: str) -> int:
    """A metric of Triton, summed over its labels."""
    url = f"http://{stack.triton_host}:{stack.triton_metrics_port}/metrics"
    text = get(url).text
    return sum(int(each) for each in re.findall(rf"^{metric}{{.*}} (\d+)", text, re.MULTILINE))


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def waiting(stack: Stack) -> int:
    """The requests in Triton's queue."""
    return triton(stack, "nv_inference_pending_request_count")


def executed(stack: Stack) -> int:
    """The windows that Triton has computed."""
    return triton(stack, "nv_inference_count")


def wait_until_answering(stack: Stack, before: int = 0) -> None:
    """Return when Triton has been started again more than ``before`` times, and answers."""
    wait_for(lambda: counted(stack, "triton_restarts_total") > before)
    wait_until_ready(stack)


@contextmanager
def paused(stack: Stack) -> Iterator[None]:
    """Pause Triton's server: nothing is answered until the block is left.

    Its stub goes on, as Triton would take a paused one for dead after a second.
    """
    kill(stack, "server", signal.SIGSTOP)
    try:
        yield
    finally:
        kill(stack, "server", signal.SIGCONT)


@contextmanager
def running(
    repository: Path, folder: Path, *, wrapper: Sequence[str] = (), **settings: str
) -> Iterator[Stack]:
    """Run the stack until the block is left; it must then end cleanly and leave nothing behind."""
    stack = start(repository, folder, wrapper=wrapper, **settings)
    try:
        wait_until_ready(stack)
        yield stack
        if stack.process.poll() is None:
            assert stack.stop() == 0, stack.log.read_text()
        check_that_nothing_is_left(stack)
    finally:
        if stack.process.poll() is None:
            stack.process.kill()
            stack.process.wait()


def processes(stack: Stack) -> dict[int, str]:
    """The command lines, by process id, of Triton and its stubs: they name the gateway's pid."""
    mark = f"electra-qa-{stack.process.pid}-".encode()
    found = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            try:
                command = (folder / "cmdline").read_bytes()
            except OSError:
                continue
            if mark in command:
                found[int(folder.name)] = command.replace(b"\0", b" ").decode()
    return found


PARTS = {"stub": "triton_python_backend_stub", "server": "bin/tritonserver"}


def kill(stack: Stack, part: str, sent: signal.Signals = signal.SIGKILL) -> None:
    """Send a signal to a part of Triton."""
    (pid,) = [pid for pid, line in processes(stack).items() if PARTS[part] in line.split()[0]]
    os.kill(pid, sent)


def leftovers(stack: Stack) -> list[str]:
    """Processes, ports and files that outlived the stack."""
    found = list(processes(stack).values())
    ours = stack.ports if "ELECTRA_QA_TRITON_URL" not in os.environ else [stack.port]
    found += [f"port {port}" for port in ours if listens(port)]
    for folder in ("/dev/shm", "/tmp"):  # noqa: S108
        found += [str(path) for path in Path(folder).glob(f"electra-qa-{stack.process.pid}-*")]
    return found


def check_that_nothing_is_left(stack: Stack) -> None:
    """Check that no process, port or file outlives the stack by more than ``GONE_SECONDS``."""
    deadline = time.monotonic() + GONE_SECONDS
    while found := leftovers(stack):
        assert time.monotonic() < deadline, found
        time.sleep(0.01)
