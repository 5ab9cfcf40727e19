"""The ports of the embedded Triton, and whether a port is free."""

import socket
from contextlib import ExitStack
from dataclasses import dataclass

from embedded.errors import EmbeddedError


@dataclass(frozen=True)
class Ports:
    """The ports that Triton listens on."""

    http: int
    grpc: int
    metrics: int


def free_ports() -> Ports:
    """Return ports that are free just now."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(3)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return Ports(*(each.getsockname()[1] for each in sockets))


def check_port(host: str, port: int, what: str, setting: str) -> None:
    """Raise EmbeddedError when ``port`` is taken."""
    listen(host, port, what, setting).close()


def listen(host: str, port: int, what: str, setting: str) -> socket.socket:
    """Bind ``port``; raise EmbeddedError, which names the setting, when that fails."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
    except OSError as error:
        bound.close()
        raise EmbeddedError(
            f"{what} {port} on {host} cannot be used ({error.strerror}); "
            f"free it or choose another with {setting}="
        ) from error
    return bound
