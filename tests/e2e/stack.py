"""The real gateway and its Triton as child processes, on ports of their own."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

START_SECONDS = 60
STOP_SECONDS = 40


@dataclass(frozen=True)
class Stack:
    """A gateway that was started, and where it and its Triton listen."""

    process: subprocess.Popen[bytes]
    log: Path
    port: int
    triton_grpc_port: int
    triton_http_port: int
    triton_metrics_port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def ports(self) -> list[int]:
        return [
            *(self.port, self.triton_grpc_port, self.triton_http_port, self.triton_metrics_port)
        ]

    def stop(self, sent: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(sent)
        return self.process.wait(STOP_SECONDS)


def free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def settings_of(repository: Path, ports: list[int], settings: dict[str, str]) -> dict[str, str]:
    names = ("PORT", "TRITON_GRPC_PORT", "TRITON_HTTP_PORT", "TRITON_METRICS_PORT")
    return {
        **os.environ,
        **dict(zip(names, map(str, ports), strict=True)),
        "MODEL_REPOSITORY": str(repository),
        **settings,
    }


def start(repository: Path, folder: Path, **settings: str) -> Stack:
    """Start ``python -m serving``, without waiting for it."""
    ports = free_ports(4)
    log = folder / f"gateway-{ports[0]}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "serving"],
            env=settings_of(repository, ports, settings),
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    return Stack(process, log, *ports)


def wait_until_ready(stack: Stack, seconds: float = START_SECONDS) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        assert stack.process.poll() is None, stack.log.read_text()
        try:
            if httpx.get(f"{stack.url}/health/ready", timeout=10).status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.05)
    raise AssertionError(f"not ready after {seconds} s:\n{stack.log.read_text()}")


@contextmanager
def running(repository: Path, folder: Path, **settings: str) -> Iterator[Stack]:
    """Run the stack until the block is left; it must then end cleanly and leave nothing."""
    stack = start(repository, folder, **settings)
    try:
        wait_until_ready(stack)
        yield stack
        if stack.process.poll() is None:
            assert stack.stop() == 0, stack.log.read_text()
        assert leftovers(stack) == []
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


def leftovers(stack: Stack) -> list[str]:
    """Processes, ports and files that outlived the stack."""
    found = list(processes(stack).values())
    for port in stack.ports:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                found.append(f"port {port}")
    for folder in ("/dev/shm", "/tmp"):  # noqa: S108
        found += [str(path) for path in Path(folder).glob(f"electra-qa-{stack.process.pid}-*")]
    return found
