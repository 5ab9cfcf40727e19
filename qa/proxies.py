"""The proxies of the environment: a server on this machine is reached without one.

Every other server is reached as ``http_proxy`` and the like say, which each client reads itself.
"""

import os
import re
from collections.abc import Mapping
from ipaddress import IPv6Address, ip_address
from urllib.parse import urlsplit
from urllib.request import proxy_bypass

LOOPBACK = ("localhost", "127.0.0.1", "::1")
_RESOLVER = re.compile(r"(dns|ipv4|ipv6):(//[^/]*/)?", re.IGNORECASE)  # before a gRPC target
_PROXY = re.compile(r"(http|https|grpc|all)_proxy", re.IGNORECASE)


def is_this_machine(address: str) -> bool:
    """Whether ``address``, a URL or host:port, is this machine's: localhost or a loopback one."""
    host = _host(address).rstrip(".")
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        found = ip_address(host)
    except ValueError:
        return False
    if isinstance(found, IPv6Address):
        found = found.ipv4_mapped or found
    return found.is_loopback or found.is_unspecified


def is_direct(address: str) -> bool:
    """Whether ``address``, a URL or host:port, is this machine's, or is in ``no_proxy``."""
    return is_this_machine(address) or bool(proxy_bypass(_host(address)))


def _host(address: str) -> str:
    target = _RESOLVER.sub("", address, count=1) if _RESOLVER.match(address) else address
    try:
        return urlsplit(target if "://" in target else f"//{target}").hostname or ""
    except ValueError:  # a bracket that is never closed
        return ""


def grpc_options(address: str, name: str | None = None) -> list[tuple[str, int]]:
    """Return the options of a gRPC channel to ``address``, host:port, which may have a ``name``.

    gRPC itself looks only for the address in ``no_proxy``, which may have the name instead.
    """
    is_excepted = is_this_machine(address) or (name and proxy_bypass(name))
    return [("grpc.enable_http_proxy", 0)] if is_excepted else []


def goes_by_proxy(host: str) -> bool:
    """Whether gRPC reaches ``host`` through a proxy of the environment, which resolves its name."""
    named = any(os.environ.get(name) for name in ("grpc_proxy", "https_proxy", "http_proxy"))
    return named and not is_direct(host)


def excepting_this_machine(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that keep loopback addresses off the proxies of ``environment``.

    For programs and libraries that read the environment themselves.
    """
    given = environment.get("no_proxy") or environment.get("NO_PROXY", "")
    hosts = [each.strip() for each in given.split(",") if each.strip()]
    excepted = ",".join(dict.fromkeys((*hosts, *LOOPBACK)))
    return {"no_proxy": excepted, "NO_PROXY": excepted}


def without_proxies(environment: Mapping[str, str]) -> dict[str, str]:
    """Return ``environment`` without its proxies."""
    return {name: each for name, each in environment.items() if not _PROXY.fullmatch(name)}
