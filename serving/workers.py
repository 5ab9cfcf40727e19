"""Several processes that answer on one port; the embedded Triton belongs to their parent.

uvicorn starts them, replaces one that dies or hangs, and ends them all on a signal. Each has its
share of the windows that may be in flight; prometheus_client sums their metrics.
"""

import asyncio
import multiprocessing
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from socket import socket

import uvicorn
from fastapi import FastAPI
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors import Multiprocess

from embedded.process import die_with_parent
from embedded.selection import Choice
from embedded.server import EmbeddedTriton
from serving.app import create_app
from serving.lifespan import answerer_of
from serving.logs import configure
from serving.metrics import Metrics
from serving.settings import Settings


class WorkerError(Exception):
    """A worker cannot start; the message says where to look for the reason."""


def create_worker(settings: Settings, triton_urls: Sequence[str], choice: Choice) -> FastAPI:
    """Make the application of one worker, in its process."""
    die_with_parent()
    parent = multiprocessing.parent_process()
    if parent and not parent.is_alive():  # killed before the line above
        sys.exit(1)
    configure(settings.log_format, settings.log_level)
    return create_app(settings, triton_urls, choice)


def run_workers(config: uvicorn.Config, bound: socket) -> None:
    """Run the workers until a signal ends them; raises WorkerError when they cannot start."""
    workers = _Workers(config, [bound])
    workers.run()
    if any(each.exitcode == STARTUP_FAILURE for each in workers.processes):
        raise WorkerError("a worker could not start; the lines above say why")


class _Workers(Multiprocess):
    """uvicorn's supervisor, which also stops listening when it ends: no worker accepts any more."""

    def terminate_all(self) -> None:
        for each in self.sockets:
            each.close()
        super().terminate_all()


@contextmanager
def supervised(
    settings: Settings, choice: Choice, embedded: EmbeddedTriton, metrics: Metrics
) -> Iterator[None]:
    """Supervise the embedded Triton in a thread, beside uvicorn, while the block runs.

    If the thread has started Triton again, the kernel ends Triton with the thread. By then no
    worker is left that needs it.
    """
    ending = asyncio.Event()
    loop = asyncio.new_event_loop()

    async def watch() -> None:
        async with answerer_of(settings, [embedded.url], choice, metrics, embedded):
            await ending.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(watch(),))
    thread.start()
    try:
        yield
    finally:
        loop.call_soon_threadsafe(ending.set)
        thread.join()
        loop.close()
