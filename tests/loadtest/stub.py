"""A tiny HTTP server in place of the gateway, for what a real one does only by chance."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from threading import Thread


@dataclass
class Reply:
    status: int = 200
    answer: str = "in 1066"
    headers: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0


def stall(period: float, share: float) -> float:
    """The seconds that a server still stands still which does so for ``share`` of a period."""
    now = time.monotonic() % period
    return max(0.0, share * period - now)


@contextmanager
def serving(reply: Callable[[int], Reply], model: str = "electra_qa_stub") -> Iterator[str]:
    """Serve, and yield the URL; ``reply`` is given the number of the question, from 0."""
    numbers = count()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            self._send(200, {"name": model, "sequence_length": 384}, {})

        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
            made = reply(next(numbers))
            time.sleep(made.seconds)
            answer = {"answer": made.answer, "start": 0, "end": 7}
            many = {"answers": [answer for _ in asked.get("pairs", ())]}
            self._send(made.status, many if "pairs" in asked else answer, made.headers)

        def _send(self, status: int, body: object, headers: dict[str, str]) -> None:
            content = json.dumps(body).encode()
            self.send_response(status)
            for name, value in {"content-length": str(len(content)), **headers}.items():
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
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
