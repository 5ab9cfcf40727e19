"""The pipeline baseline as a child process, with the Python of its own environment."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from embedded.errors import EmbeddedError
from embedded.ports import check_port
from loadtest.child import serving
from loadtest.errors import LoadTestError
from loadtest.load.client import is_ready

PYTHON = Path("build/baseline/bin/python")
SERVER = Path(__file__).with_name("pipeline.py")
NAME = "transformers pipeline"


@contextmanager
def pipeline_at(checkpoint: Path, port: int, python: Path) -> Iterator[str]:
    """Serve ``checkpoint`` with the pipeline on ``port`` during the block; yield its URL.

    Raises LoadTestError when it has no environment, the port is taken, or it does not start.
    """
    if not python.is_file():
        raise LoadTestError(
            f"the baseline has no environment ({python} is missing): run make baseline, or name a "
            "Python that has transformers with --python"
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
    # PYTHONPATH would put our modules and packages before those of its own environment
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    environment["HF_HUB_OFFLINE"] = "1"
    command = (python, SERVER, checkpoint, "--port", str(port))
    with serving("the baseline", command, environment, partial(is_ready, url)):
        yield url
