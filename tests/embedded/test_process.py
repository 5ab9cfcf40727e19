"""Child processes: what ends them."""

import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from embedded.process import end, kill, start

SECONDS = 60  # a busy machine is slow
SLEEP = "import time; print(0, flush=True); time.sleep(1000)"
STUBBORN = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {SLEEP}"
# a process that starts another, and another that ends while that lives on
PARENT = "import subprocess; subprocess.Popen(['sleep', '1000'])"
CARELESS = "from embedded.process import start; start(['sleep', '1000'])"

# starts processes while gRPC calls are under way
CALLING = """
import threading
from concurrent.futures import ThreadPoolExecutor
import grpc
from embedded.process import start

echo = grpc.unary_unary_rpc_method_handler(lambda request, context: request)
server = grpc.server(ThreadPoolExecutor(2))
server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler("test", {"echo": echo})])
port = server.add_insecure_port("127.0.0.1:0")
server.start()
ending = threading.Event()

def call():
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        while not ending.is_set():
            channel.unary_unary("/test/echo")(b"")

threads = [threading.Thread(target=call) for _ in range(2)]
for each in threads:
    each.start()
codes = {start(["true"]).wait() for _ in range(50)}
ending.set()
for each in threads:
    each.join()
print(codes)
"""


@contextmanager
def started(program: str) -> Iterator[subprocess.Popen[Any]]:
    process = start((sys.executable, "-c", program), stdout=subprocess.PIPE)
    try:
        yield process
    finally:
        kill(process)
        assert process.stdout is not None
        process.stdout.close()


def is_said(process: subprocess.Popen[Any]) -> bool:
    """Whether the process prints something, or nobody holds its output open any more."""
    assert process.stdout is not None
    return bool(select.select([process.stdout], [], [], SECONDS)[0])


def test_one_that_ends_when_it_is_told_to() -> None:
    with started(SLEEP) as process:
        assert is_said(process)
        process.terminate()
        assert end(process, SECONDS)
        assert process.returncode == -signal.SIGTERM


def test_one_that_does_not_listen_is_killed() -> None:
    with started(STUBBORN) as process:
        assert is_said(process)
        process.terminate()
        assert not end(process, 0.1)
        assert process.returncode == -signal.SIGKILL


def test_what_it_started_ends_too() -> None:
    with started(PARENT) as process:
        assert end(process, SECONDS)
        assert is_said(process)


def test_it_ends_with_the_one_who_started_it() -> None:
    with started(CARELESS) as process:
        process.wait(SECONDS)
        assert is_said(process)


def test_grpc_calls_do_not_disturb_a_start() -> None:
    command = (sys.executable, "-c", CALLING)
    done = subprocess.run(command, check=True, text=True, capture_output=True, timeout=SECONDS)
    assert (done.stdout, done.stderr) == ("{0}\n", "")
