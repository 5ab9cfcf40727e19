"""A proxy such as a company has, and an environment whose proxies do not work."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from socketserver import StreamRequestHandler, ThreadingTCPServer
from threading import Thread

NAMES = ("http_proxy", "https_proxy", "grpc_proxy", "all_proxy")


def proxies(url: str) -> dict[str, str]:
    """The variables of an environment in which everything is reached through ``url``."""
    both = {each: url for name in NAMES for each in (name, name.upper())}
    return {**both, "no_proxy": "", "NO_PROXY": ""}


# nobody listens on port 9, and httpx needs more packages for a SOCKS proxy
DEAD = proxies("http://127.0.0.1:9") | {"all_proxy": "socks5://127.0.0.1:9"}


@dataclass
class Proxy:
    """A proxy that reaches one port of this machine, whatever host it is asked for."""

    url: str
    asked: list[str] = field(default_factory=list)  # the first line of each connection


@contextmanager
def proxy_to(port: int) -> Iterator[Proxy]:
    """Serve until the block is left."""

    class Handler(StreamRequestHandler):
        def handle(self) -> None:
            first = self.rfile.readline()
            proxy.asked.append(first.decode().strip())
            with socket.create_connection(("127.0.0.1", port)) as upstream:
                if first.startswith(b"CONNECT"):
                    while self.rfile.readline().strip():
                        pass
                    self.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
                else:  # the path is a whole URL, which every server has to accept
                    upstream.sendall(first)
                back = Thread(target=copy, args=(upstream, self.connection))
                back.start()
                while data := self.rfile.read1(65536):
                    upstream.sendall(data)
                upstream.shutdown(socket.SHUT_WR)
                back.join()

    class Server(ThreadingTCPServer):
        daemon_threads = True
        block_on_close = False

        def handle_error(self, *_: object) -> None:
            """Say nothing when a client or a server has left."""

    with Server(("127.0.0.1", 0), Handler) as server:
        proxy = Proxy(f"http://127.0.0.1:{server.server_address[1]}")
        thread = Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield proxy
        server.shutdown()
        thread.join()


def copy(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
