"""Questions sent to a running gateway, a few at a time, and what came back."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import httpx

from qa.squad import Example

PATIENCE_SECONDS = 120
RETRY_SECONDS = 0.2


class EvaluationError(Exception):
    """The gateway cannot be evaluated; the message says why."""


@dataclass(frozen=True)
class Predictions:
    """Answers and their scores by question id, and the questions that got none, with the reason."""

    answers: dict[str, str]
    scores: dict[str, float]
    failures: dict[str, str]


async def served_model(url: str) -> str:
    """Return the name of the model that the gateway at ``url`` serves."""
    async with httpx.AsyncClient(base_url=url) as client:
        try:
            response = await client.get("/info")
        except httpx.TransportError as error:
            raise EvaluationError(
                f"no gateway answers at {url} ({error}); run make serve"
            ) from error
    if response.status_code != 200:
        raise EvaluationError(f"the gateway at {url} is not ready: {response.text}")
    return str(response.json()["name"])


async def predict(
    url: str,
    examples: Sequence[Example],
    *,
    options: Mapping[str, object],
    concurrency: int,
    advance: Callable[[], object],
) -> Predictions:
    """Ask the gateway at ``url`` all questions with ``options``, ``concurrency`` at a time.

    ``advance`` is called after each. A question that fails is kept with its reason: an
    evaluation of ten thousand does not end at one.
    """
    pending = iter(examples)
    answers: dict[str, str] = {}
    scores: dict[str, float] = {}
    failures: dict[str, str] = {}

    async def work(client: httpx.AsyncClient) -> None:
        for example in pending:  # one iterator, shared by all workers
            try:
                answers[example.id], scores[example.id] = await _ask(client, example, options)
            except (EvaluationError, httpx.HTTPError) as error:
                failures[example.id] = f"{type(error).__name__}: {error}"
            advance()

    limits = httpx.Limits(max_connections=concurrency)
    async with httpx.AsyncClient(base_url=url, limits=limits, timeout=PATIENCE_SECONDS) as client:
        await asyncio.gather(*(work(client) for _ in range(concurrency)))
    return Predictions(answers, scores, failures)


async def _ask(
    client: httpx.AsyncClient, example: Example, options: Mapping[str, object]
) -> tuple[str, float]:
    body = {"question": example.question, "context": example.context, **options}
    response = await client.post("/answer", json=body)
    while response.status_code == 429:  # asked to come again
        await asyncio.sleep(RETRY_SECONDS)
        response = await client.post("/answer", json=body)
    if response.status_code != 200:
        raise EvaluationError(f"status {response.status_code}: {response.text[:200]}")
    reply = response.json()
    return str(reply["answer"]), float(reply["score"])
