"""The gateway under load: one that is running already, or a child process."""

import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from embedded.ports import free_ports
from loadtest.child import serving
from loadtest.errors import LoadTestError
from loadtest.exported import PREFIX, read_exported
from loadtest.load.client import get, is_ready, served_model
from loadtest.load.counts import Counts


@dataclass(frozen=True)
class Gateway:
    """Where a gateway listens, and what it serves."""

    url: str
    model: str
    sequence_length: int
    checkpoint: str  # the name of the checkpoint, or of the model where that is not known
    triton_metrics: str | None = None  # URL of its Triton's metrics, which count batches

    @property
    def variant(self) -> str:
        """The variant's name, as results have it."""
        return self.model.removeprefix(PREFIX)

    def counts(self) -> Counts:
        """Return the counts of the gateway and its Triton; raises LoadTestError when it is gone."""
        triton = get(self.triton_metrics, "/metrics") if self.triton_metrics else ""
        return Counts.read(get(self.url, "/metrics"), triton)


@contextmanager
def gateway_at(
    url: str | None, model: str | None = None, repository: Path = Path("model_repository")
) -> Iterator[Gateway]:
    """Yield the gateway at ``url``, or start one for the block, with ``model`` of ``repository``.

    Raises LoadTestError when it does not answer, or cannot be started.
    """
    if url is not None:
        if model is not None:
            raise LoadTestError(
                f"the gateway at {url} has a model already; give MODEL or URL, not both"
            )
        url = url.rstrip("/")
        name, length = served_model(url)
        yield Gateway(url, name, length, checkpoint=name)
        return
    ports, port = free_ports(), free_port()
    environment = {
        **os.environ,
        "ELECTRA_QA_HOST": "127.0.0.1",
        "ELECTRA_QA_PORT": str(port),
        "ELECTRA_QA_TRITON_HTTP_PORT": str(ports.http),
        "ELECTRA_QA_TRITON_GRPC_PORT": str(ports.grpc),
        "ELECTRA_QA_TRITON_METRICS_PORT": str(ports.metrics),
        "ELECTRA_QA_MODEL_REPOSITORY": str(repository),
        **({"ELECTRA_QA_MODEL": model} if model else {}),
    }
    url, command = f"http://127.0.0.1:{port}", (sys.executable, "-m", "serving")
    remedy = " (--repository names the folder of its models, --url a running gateway)"
    with serving("the gateway", command, environment, partial(is_ready, url), remedy):
        name, length = served_model(url)
        exported = read_exported(repository)
        checkpoint = exported.checkpoint if exported else name
        yield Gateway(url, name, length, checkpoint, f"http://127.0.0.1:{ports.metrics}")


def free_port() -> int:
    """Return a port on which nothing listens at the moment."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        return int(bound.getsockname()[1])
