"""A tiny HTTP server that speaks JSON, which stands in for a gateway."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any


class JsonHandler(BaseHTTPRequestHandler):
    """What the handlers of tests have in common."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def read(self) -> Any:
        """The body of the request."""
        return json.loads(self.rfile.read(int(self.headers["content-length"])))

    def send(self, status: int, body: object, headers: Mapping[str, str]) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        for name, value in {"content-length": str(len(content)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def running(handler: type[JsonHandler]) -> Iterator[str]:
    """Serve until the block is left; yield the URL."""
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        thread = Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
