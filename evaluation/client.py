"""Questions sent to a running gateway, a few at a time, and their outcomes."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx

from evaluation.errors import EvaluationError
from evaluation.patience import Patience, retry_after
from qa.api_key import authorization
from qa.proxies import is_this_machine
from qa.squad import Example

REPLY_SECONDS = 120
SHOWN_CHARS = 200  # of an error's body


@dataclass(frozen=True)
class Gateway:
    """Where a gateway listens, and the key that it asks for."""

    url: str
    api_key: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Reply:
    """The answers to a question, best first, and the score of the first."""

    answers: tuple[str, ...]
    score: float


@dataclass(frozen=True)
class Failure:
    """Why a question got no answer."""

    reason: str


Outcome = Reply | Failure


async def served_model(gateway: Gateway) -> str:
    """Return the name of the model that ``gateway`` serves.

    Raises EvaluationError when it does not answer, or is not this project's; ApiKeyError for a key
    that no header can hold.
    """
    url = gateway.url
    try:
        async with _client(gateway, timeout=REPLY_SECONDS) as client:
            response = await client.get("/info")
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise EvaluationError(f"no gateway answers at {url} ({error}); run make serve") from error
    if response.status_code == 401:
        given = "another API key" if gateway.api_key else "an API key"
        raise EvaluationError(f"the gateway at {url} asks for {given}: set EVALUATION_API_KEY")
    if response.status_code != 200:
        said = response.text[:SHOWN_CHARS]
        raise EvaluationError(f"the gateway at {url} is not ready: {said}")
    try:
        return str(response.json()["name"])
    except (ValueError, KeyError, TypeError) as error:
        raise EvaluationError(f"the server at {url} is not this project's gateway") from error


async def predict(
    gateway: Gateway,
    examples: Sequence[Example],
    *,
    options: Mapping[str, object],
    concurrency: int,
    patience_seconds: float,
    advance: Callable[[], object],
) -> list[Outcome]:
    """Ask ``gateway`` all questions with ``options``, ``concurrency`` at a time.

    Returns one outcome for each of ``examples``: a question that fails does not end the
    evaluation, but has its reason kept. A question that a busy gateway refuses is asked again
    after the delay that the gateway names; for ``patience_seconds`` see Patience. ``advance`` is
    called after each question.
    """
    pending = iter(enumerate(examples))
    outcomes: dict[int, Outcome] = {}
    patience = Patience(patience_seconds)

    async def work(client: httpx.AsyncClient) -> None:
        for number, example in pending:  # one iterator, shared by all workers
            body = {"question": example.question, "context": example.context, **options}
            try:
                outcomes[number] = await _ask(client, body, patience)
            except (EvaluationError, httpx.HTTPError) as error:
                outcomes[number] = Failure(f"{type(error).__name__}: {error}")
            advance()

    limits = httpx.Limits(max_connections=concurrency)
    async with _client(gateway, limits=limits, timeout=REPLY_SECONDS) as client:
        await asyncio.gather(*(work(client) for _ in range(concurrency)))
    return [outcomes[number] for number in range(len(examples))]


def _client(gateway: Gateway, **options: Any) -> httpx.AsyncClient:
    """Return a client of ``gateway``, by the environment's proxy unless it is on this machine.

    Raises ApiKeyError for a key that no header can hold; EvaluationError for an unusable proxy.
    """
    headers = authorization(gateway.api_key)
    url = httpx.URL(gateway.url)
    try:
        return httpx.AsyncClient(
            base_url=url,
            headers=headers,
            trust_env=not is_this_machine(gateway.url),
            verify=httpx.create_ssl_context(),  # reads SSL_CERT_FILE even without trust_env
            **options,
        )
    except (ImportError, ValueError, httpx.InvalidURL) as error:
        raise EvaluationError(
            f"a proxy that the environment names cannot be used: {error}; correct it, or name "
            "the host in no_proxy"
        ) from error


async def _ask(client: httpx.AsyncClient, body: Mapping[str, object], patience: Patience) -> Reply:
    response = await client.post("/answer", json=body)
    while (seconds := retry_after(response)) is not None:
        await patience.wait(seconds)
        response = await client.post("/answer", json=body)
    said = response.text[:SHOWN_CHARS]
    if response.status_code != 200:
        raise EvaluationError(f"status {response.status_code}: {said}")
    patience.answered()
    try:
        reply = response.json()
        spans = reply.get("answers") or [reply]
        return Reply(tuple(str(each["answer"]) for each in spans), float(reply["score"]))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise EvaluationError(f"the reply is not an answer: {said}") from error
