"""Locust's processes: this one alone, or a master with workers."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import gevent
from locust.env import Environment
from locust.exception import RPCError
from locust.runners import MasterRunner

from embedded.process import end, start
from loadtest.errors import LoadTestError
from loadtest.load.gateway import free_port
from loadtest.load.users import AnswerUser, BatchUser, HuggingFaceUser

LOCUSTFILE = Path(__file__).parent.parent / "locustfile.py"
PORT = 5557  # Locust's default
STOP_SECONDS = 5  # for a request in flight when a level ends, and for a worker at the end
JOIN_SECONDS = 60


@contextmanager
def locust_environment(processes: int = 0, workers: int = 0) -> Iterator[Environment]:
    """Yield an environment whose runner starts users when it is told to.

    The load comes from ``processes`` on this machine and from ``workers`` on others, which join
    port 5557; without either, it comes from this process. Raises LoadTestError when they do not
    join in time.
    """
    environment = Environment(
        user_classes=[AnswerUser, HuggingFaceUser, BatchUser], stop_timeout=STOP_SECONDS
    )
    with ExitStack() as stack:
        if processes + workers == 0:
            stack.callback(environment.create_local_runner().quit)
        else:
            master = _master(environment, *(("*", PORT) if workers else ("127.0.0.1", free_port())))
            for _ in range(processes):
                stack.callback(end, _worker(master.master_bind_port), STOP_SECONDS)
            stack.callback(master.quit)  # first: it tells the workers to quit
            _wait(master, processes + workers)
        yield environment


def _master(environment: Environment, host: str, port: int) -> MasterRunner:
    try:
        return environment.create_master_runner(host, port)
    except RPCError as error:
        raise LoadTestError(f"port {port}, for the workers, cannot be used: {error}") from error


def _worker(port: int) -> subprocess.Popen[bytes]:
    command = (sys.executable, "-m", "locust", "-f", LOCUSTFILE, "-L", "WARNING", "--worker")
    return start((*command, "--master-port", str(port)))


def _wait(runner: MasterRunner, count: int) -> None:
    missing = LoadTestError(f"{count} loading processes did not join within {JOIN_SECONDS} s")
    with gevent.Timeout(JOIN_SECONDS, missing):
        while len(runner.clients.ready) < count:
            gevent.sleep(0.05)
