"""Where a Triton listens, as host:port, and the addresses that a host's name has now."""

import asyncio
import ipaddress
import re
import socket
from dataclasses import dataclass

TRITON_PORT = 8001  # Triton's own default for gRPC
FORM = re.compile(r"(?:\[(?P<ipv6>[0-9a-fA-F:.%]+)\]|(?P<host>[\w.-]+))(?::(?P<port>\d{1,5}))?")


@dataclass(frozen=True)
class Place:
    """A host, by name or address, and a port."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def is_address(self) -> bool:
        """Whether the host is an address, so that there is nothing to resolve."""
        try:
            ipaddress.ip_address(self.host)
        except ValueError:
            return False
        return True


def parse_place(text: str) -> Place:
    """Read host:port or [IPv6]:port; without a port, it is 8001.

    Raises ValueError, which says what is wrong.
    """
    match = FORM.fullmatch(text)
    port = int(match["port"] or TRITON_PORT) if match else 0
    if not match or not 1 <= port <= 65535:
        raise ValueError(f"{text!r} is not host:port, such as triton:{TRITON_PORT}")
    return Place(match["ipv6"] or match["host"], port)


async def resolve(place: Place) -> set[Place]:
    """Return a place for every address of the host; raises OSError when it has none."""
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(place.host, place.port, type=socket.SOCK_STREAM)
    except UnicodeError as error:  # DNS cannot hold such a name
        raise OSError(f"{place.host!r} is not a host's name: {error}") from error
    return {Place(str(address[0]), place.port) for *_, address in found}
