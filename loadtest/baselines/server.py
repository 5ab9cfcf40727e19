"""The pipeline baseline as a child process, by the Python of its own environment."""

import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from embedded.errors import EmbeddedError
from embedded.ports import check_port
from loadtest.errors import LoadTestError
from loadtest.load.client import session

PYTHON = Path("build/baseline/bin/python")
SERVER = Path(__file__).with_name("pipeline.py")
NAME = "transformers pipeline"
START_SECONDS = 180  # torch alone takes some from a cold disk
STOP_SECONDS = 10


@contextmanager
def pipeline_at(checkpoint: Path, port: int, python: Path) -> Iterator[str]:
    """Run the pipeline on ``checkpoint`` and ``port`` until the block is left; yield its URL.

    Raises LoadTestError when there is no environment for it, the port is taken, or it does not
    come up.
    """
    if not python.is_file():
        raise LoadTestError(
            f"the baseline has no environment ({python} is missing): make baseline, or name the "
            "Python of one that has transformers with --python"
        )
    if not (checkpoint / "config.json").is_file():
        raise LoadTestError(
            f"the baseline needs a checkpoint in Hugging Face layout; {checkpoint} has no "
            "config.json: name one with --checkpoint"
        )
    try:
        check_port("127.0.0.1", port, "the baseline's port", "BASELINE_PORT")
    except EmbeddedError as error:
        raise LoadTestError(str(error)) from error
    url = f"http://127.0.0.1:{port}"
    with tempfile.TemporaryDirectory(prefix="baseline-") as folder:
        log = Path(folder, "server.log")
        process = _start(checkpoint, port, python, log)
        try:
            _wait(process, url, log)
            yield url
        finally:
            process.terminate()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()


def _start(checkpoint: Path, port: int, python: Path, log: Path) -> subprocess.Popen[bytes]:
    # PYTHONPATH would put our modules and packages before those of its own environment
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    with log.open("wb") as output:
        return subprocess.Popen(
            (python, SERVER, checkpoint, "--port", str(port)),
            env={**environment, "HF_HUB_OFFLINE": "1"},
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C is for us; we end it when we are done
        )


def _wait(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    client, deadline = session(url), time.monotonic() + START_SECONDS
    while client.get("/health/ready").status_code != 200:
        if process.poll() is not None:
            last = log.read_text(errors="replace").strip().rpartition("\n")[2]
            raise LoadTestError(f"the baseline did not start: {last}")
        if time.monotonic() > deadline:
            raise LoadTestError(f"the baseline was not ready within {START_SECONDS} s")
        time.sleep(0.1)
