"""The HTTP client that Locust's users have, and what is asked with it one request at a time."""

import json
import os
from collections.abc import Sequence
from typing import Any
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

from locust.contrib.fasthttp import FastHttpSession
from locust.event import EventHook
from rich.console import Console
from rich.progress import track

from loadtest.errors import LoadTestError
from loadtest.load.keeper import TRANSPORT
from loadtest.load.questions import Answer, Question, body_of, parse_answers
from loadtest.result import LoadRow
from qa.api_key import ApiKeyError, authorization
from qa.proxies import is_this_machine

SECONDS = 60


def headers() -> dict[str, str]:
    """Return the headers of every request, with the key of LOADTEST_API_KEY where it is set.

    Raises LoadTestError for a key that no header can hold.
    """
    try:
        key = authorization(os.environ.get("LOADTEST_API_KEY"))
    except ApiKeyError as error:
        raise LoadTestError(f"LOADTEST_API_KEY: {error}") from error
    return {"content-type": "application/json", **key}


def proxy_options(url: str) -> dict[str, Any]:
    """Return geventhttpclient's options for the environment's proxy to ``url``; {} for none.

    Locust does not read the environment itself. Raises LoadTestError for a proxy that is not an
    HTTP one.
    """
    asked = urlsplit(url)
    proxies = getproxies()
    proxy = proxies.get(asked.scheme) or proxies.get("all")
    if not proxy or is_this_machine(url) or proxy_bypass(asked.hostname or ""):
        return {}
    try:
        parts = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
        host, port = parts.hostname, parts.port or 80
    except ValueError:  # the port is not a number
        host = None
    if not host or parts.scheme != "http":
        raise LoadTestError(
            f"the environment names the proxy {proxy!r} for {url}; use an http:// proxy, or name "
            "the host in no_proxy"
        )
    options = {"proxy_host": host, "proxy_port": port}
    if parts.username:
        options["proxy_user"] = unquote(parts.username)
        options["proxy_password"] = unquote(parts.password or "")
    return options


def session(url: str) -> FastHttpSession:
    """Return a client of ``url`` whose requests are not in Locust's statistics."""
    nobody = EventHook()  # type: ignore[no-untyped-call]
    return FastHttpSession(
        url,
        nobody,
        None,
        headers=headers(),
        network_timeout=SECONDS,
        connection_timeout=SECONDS,
        **proxy_options(url),
    )


def is_reachable(url: str) -> bool:
    """Whether anything answers HTTP at ``url``."""
    return session(url).get("/").status_code != 0


def is_gone(url: str, row: LoadRow) -> bool:
    """Whether requests of ``row`` were lost, and nothing answers at ``url`` any more."""
    return TRANSPORT in row.failures and not is_reachable(url)


def is_ready(url: str) -> bool:
    """Whether the server at ``url`` says that it can answer."""
    return session(url).get("/health/ready").status_code == 200


def get(url: str, path: str) -> str:
    """Return the text at ``url`` and ``path``; raises LoadTestError where there is none."""
    reply = session(url).get(path)
    if reply.status_code != 200:
        raise LoadTestError(f"{url}{path} {_problem(reply)}")
    return reply.text or ""


def served_model(url: str) -> tuple[str, int]:
    """Return the name and sequence length of the model that the gateway at ``url`` serves.

    Raises LoadTestError where no gateway of ours answers.
    """
    try:
        info = json.loads(get(url, "/info"))
        return str(info["name"]), int(info["sequence_length"])
    except (ValueError, KeyError, TypeError) as error:
        raise LoadTestError(f"{url} is not the URL of our gateway: {error}") from error


def record_answers(url: str, route: str, questions: Sequence[Question]) -> list[Answer]:
    """Return the answer to each question, asked one at a time, so that the system is not loaded.

    Raises LoadTestError when a question gets no answer.
    """
    client, console = session(url), Console(stderr=True)
    asking = track(questions, f"{url}, unloaded", console=console, disable=not console.is_terminal)
    return [_ask(client, route, each) for each in asking]


def _ask(client: FastHttpSession, route: str, question: Question) -> Answer:
    reply = client.post(route, data=body_of([question], route))
    (answer,) = parse_answers(reply.content or b"", route)
    if reply.status_code != 200 or answer is None:
        raise LoadTestError(
            f"{client.base_url}{route} {_problem(reply)} to {question.question!r}, unloaded"
        )
    return answer


def _problem(reply: Any) -> str:
    if reply.status_code == 0:
        return f"cannot be reached ({reply.error}); is it up?"
    if reply.status_code == 401:
        return "asks for an API key: set LOADTEST_API_KEY"
    return f"answers with status {reply.status_code}: {(reply.text or '')[:200]}"
