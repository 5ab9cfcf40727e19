"""What lives as long as a process of the gateway: its connections, and the watch over Triton."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from embedded.selection import Choice
from embedded.server import EmbeddedTriton
from qa.tokenizer import load_tokenizer
from serving.admission import Admission
from serving.answerer import Answerer
from serving.metrics import Metrics
from serving.pool import Pool
from serving.settings import Settings
from serving.supervision import supervise


@asynccontextmanager
async def answerer_of(
    settings: Settings,
    triton_urls: Sequence[str],
    choice: Choice,
    metrics: Metrics,
    embedded: EmbeddedTriton | None,
) -> AsyncIterator[Answerer]:
    """Answer with the Tritons at ``triton_urls``, and watch them, while the block runs.

    ``embedded`` is the only one of them, if this process has to start it again when it dies.
    """
    triton = Pool(triton_urls)
    admission = Admission(
        max(1, settings.max_windows_in_flight // settings.workers),
        settings.max_queue_seconds,
        observe=metrics.windows_in_flight.set,
    )
    tokenizer = load_tokenizer(settings.tokenizer_path)
    answerer = Answerer(settings, choice, tokenizer, triton, admission, metrics)
    watches = [asyncio.create_task(triton.watch(answerer.probe))]
    if embedded:
        watches.append(asyncio.create_task(supervise(embedded, answerer)))
    try:
        yield answerer
    finally:
        for watch in watches:
            watch.cancel()
        await asyncio.gather(*watches, return_exceptions=True)
        await triton.close()
