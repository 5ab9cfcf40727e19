"""The proxy of the environment, for Locust's client, which does not look for one itself."""

from typing import Any
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

from loadtest.errors import LoadTestError
from qa.proxies import is_this_machine


def proxy_options(url: str) -> dict[str, Any]:
    """Return the options of geventhttpclient for the way to ``url``; {} where that is direct.

    Raises LoadTestError for a proxy that is not an HTTP one.
    """
    asked = urlsplit(url)
    proxies = getproxies()
    proxy = proxies.get(asked.scheme) or proxies.get("all")
    if not proxy or is_this_machine(url) or proxy_bypass(asked.hostname or ""):
        return {}
    try:
        parts = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
        host, port = parts.hostname, parts.port or 80
    except ValueError:  # the port is no number
        host = None
    if not host or parts.scheme != "http":
        raise LoadTestError(
            f"the environment has {url} reached by the proxy {proxy!r}; an http:// one is needed, "
            "or the host in no_proxy"
        )
    options = {"proxy_host": host, "proxy_port": port}
    if parts.username:
        options["proxy_user"] = unquote(parts.username)
        options["proxy_password"] = unquote(parts.password or "")
    return options
