"""An HTTP server in place of the gateway: it keeps what it was asked and replies as told."""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

Question = Mapping[str, Any]


@dataclass(frozen=True)
class Reply:
    status: int = 200
    body: object = field(default_factory=lambda: {"answer": "William", "score": 0.5})
    headers: Mapping[str, str] = field(default_factory=dict)


INFO = Reply(body={"name": "electra_qa_stub"})


@dataclass(frozen=True)
class FarEnd:
    url: str
    asked: list[Question]
    times: list[float]  # when each question came
    authorizations: list[str | None]  # of every request


@contextmanager
def answering(reply: Callable[[Question], Reply], info: Reply = INFO) -> Iterator[FarEnd]:
    asked: list[Question] = []
    times: list[float] = []
    authorizations: list[str | None] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            self._send(info)

        def do_POST(self) -> None:
            times.append(time.monotonic())
            question = json.loads(self.rfile.read(int(self.headers["content-length"])))
            asked.append(question)
            self._send(reply(question))

        def _send(self, reply: Reply) -> None:
            authorizations.append(self.headers["authorization"])
            content = json.dumps(reply.body).encode()
            self.send_response(reply.status)
            for name, value in {"content-length": str(len(content)), **reply.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            url = f"http://127.0.0.1:{server.server_port}"
            yield FarEnd(url, asked, times, authorizations)
        finally:
            server.shutdown()
            thread.join()
