"""The gateway under load: one that runs already, or a child process of ours."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from embedded.ports import free_ports
from loadtest.errors import LoadTestError
from loadtest.exported import PREFIX, read_exported
from loadtest.load.client import get, served_model, session
from loadtest.load.counts import Counts

START_SECONDS = 120
STOP_SECONDS = 40


@dataclass(frozen=True)
class Gateway:
    """Where a gateway listens, and what it serves."""

    url: str
    model: str
    sequence_length: int
    checkpoint: str  # the name of what was exported, or where that is not known, the model's
    triton_metrics: str | None = None  # where the Triton says how large its batches are

    @property
    def variant(self) -> str:
        """The variant's name, as in a result."""
        return self.model.removeprefix(PREFIX)

    def counts(self) -> Counts:
        """Return what it and its Triton have counted since they started."""
        triton = get(self.triton_metrics, "/metrics") if self.triton_metrics else ""
        return Counts.read(get(self.url, "/metrics"), triton)


@contextmanager
def gateway_at(
    url: str | None, model: str | None = None, repository: Path = Path("model_repository")
) -> Iterator[Gateway]:
    """Yield the gateway at ``url``, or one started for the block, with ``model`` of ``repository``.

    Raises LoadTestError when it does not answer, or cannot be started.
    """
    if url is not None:
        if model is not None:
            raise LoadTestError(f"the gateway at {url} has its model; give MODEL or URL, not both")
        url = url.rstrip("/")
        name, length = served_model(url)
        yield Gateway(url, name, length, checkpoint=name)
        return
    with tempfile.TemporaryDirectory(prefix="loadtest-") as folder:
        log = Path(folder) / "gateway.log"
        with _running(log, model, repository) as (url, triton_metrics):
            name, length = served_model(url)
            exported = read_exported(repository)
            checkpoint = exported.checkpoint if exported else name
            yield Gateway(url, name, length, checkpoint, triton_metrics)


@contextmanager
def _running(log: Path, model: str | None, repository: Path) -> Iterator[tuple[str, str]]:
    ports, port = free_ports(), free_port()
    settings = {
        "ELECTRA_QA_HOST": "127.0.0.1",
        "ELECTRA_QA_PORT": port,
        "ELECTRA_QA_TRITON_HTTP_PORT": ports.http,
        "ELECTRA_QA_TRITON_GRPC_PORT": ports.grpc,
        "ELECTRA_QA_TRITON_METRICS_PORT": ports.metrics,
        "ELECTRA_QA_MODEL_REPOSITORY": repository,
        **({"ELECTRA_QA_MODEL": model} if model else {}),
    }
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "serving"],
            env={**os.environ, **{name: str(value) for name, value in settings.items()}},
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C is for us; we end it when we are done
        )
    url = f"http://127.0.0.1:{port}"
    try:
        _wait(process, url, log)
        yield url, f"http://127.0.0.1:{ports.metrics}"
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()


def _wait(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    client, deadline = session(url), time.monotonic() + START_SECONDS
    while client.get("/health/ready").status_code != 200:
        if process.poll() is not None:
            last = log.read_text(errors="replace").strip().rpartition("\n")[2]
            raise LoadTestError(
                f"the gateway did not start: {last.removeprefix('error: ')} "
                "(--repository names its models, --url a gateway that runs)"
            )
        if time.monotonic() > deadline:
            raise LoadTestError(f"the gateway was not ready within {START_SECONDS} s")
        time.sleep(0.1)


def free_port() -> int:
    """Return a port that nobody listens on just now."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        return int(bound.getsockname()[1])
