"""Ports for the servers that tests start: no port is given twice, or to an outgoing connection."""

import os
import socket
from collections.abc import Iterator
from functools import cache
from itertools import cycle, islice

FIRST, LAST = 20_000, 32_767  # below Linux's ports for outgoing connections


def free_ports(count: int) -> list[int]:
    """Return ports on which nothing listens; each process of pytest has a share of its own.

    The kernel's own choice might be the port of a server that has just stopped. A test that checks
    that nothing listens there any more would fail.
    """
    return list(islice(filter(_is_free, _share()), count))


@cache
def _share() -> Iterator[int]:
    """Yield this process's ports, over and over; several runs of pytest begin apart."""
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", 1))
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    ports = range(FIRST + worker, LAST + 1, workers)
    begin = os.getpid() % len(ports)
    return cycle([*ports[begin:], *ports[:begin]])


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("", port))
        except OSError:
            return False
    return True
