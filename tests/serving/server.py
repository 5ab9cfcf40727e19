"""A uvicorn in a thread of this process, and in it the gateway, without a Triton."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import uvicorn

from embedded.selection import Choice
from serving.__main__ import server_config
from serving.app import create_app
from serving.settings import Settings
from tests.conftest import CHECKPOINT
from tests.e2e.stack import wait_for


@contextmanager
def running(config: uvicorn.Config) -> Iterator[int]:
    """Run uvicorn while the block runs; gives the port that it listens on."""
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            wait_for(lambda: server.started or not thread.is_alive())
            assert server.started
            yield listening.getsockname()[1]
        finally:
            server.should_exit = True
            thread.join()


@contextmanager
def gateway(**changes: Any) -> Iterator[str]:
    """Run the gateway with these settings; gives its URL.

    It refuses every faulty request by itself. A sound question gets 503.
    """
    settings = Settings(tokenizer=CHECKPOINT / "tokenizer.json", **changes)
    choice = Choice("electra_qa_onnx_fp32", "named by the tests")
    with running(server_config(settings, partial(create_app, settings, [], choice))) as port:
        yield f"http://127.0.0.1:{port}"
