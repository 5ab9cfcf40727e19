"""The gateway's HTTP application: its parts, put together."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version

from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware

from embedded.selection import Choice
from embedded.server import EmbeddedTriton
from qa.windows import load_tokenizer
from serving.admission import Admission
from serving.answering import Answerer
from serving.disconnect import Disconnect
from serving.errors import install_handlers
from serving.keys import Keys
from serving.limits import BodyLimit
from serving.metrics import Metrics
from serving.observation import Observation
from serving.routes import answers, health, huggingface, page
from serving.settings import Settings
from serving.supervision import supervise
from serving.triton import Triton

HEADERS = ("x-request-id", "x-request-timeout-ms")


def create_app(
    settings: Settings, triton_url: str, choice: Choice, embedded: EmbeddedTriton | None = None
) -> FastAPI:
    """Make the gateway that answers with the chosen model of the Triton at ``triton_url``.

    ``embedded`` is that Triton where it is ours to start again when it dies.
    """
    admission = Admission(settings.max_windows_in_flight)
    metrics = Metrics(windows_in_flight=lambda: admission.in_flight)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        triton = Triton(triton_url)
        tokenizer = load_tokenizer(settings.tokenizer_path)
        answerer = Answerer(settings, choice, tokenizer, triton, admission, metrics)
        app.state.answerer = answerer
        watch = [asyncio.create_task(supervise(embedded, answerer))] if embedded else []
        yield
        for task in watch:
            task.cancel()
        await asyncio.gather(*watch, return_exceptions=True)
        await triton.close()

    app = FastAPI(
        title="ELECTRA question answering",
        summary="Extractive question answering, served through Triton.",
        version=version("electra-qa-triton"),
        lifespan=lifespan,
    )
    # the innermost first
    app.add_middleware(Disconnect)
    app.add_middleware(BodyLimit, max_bytes=settings.max_body_bytes, seconds=settings.body_seconds)
    if keys := settings.api_key_list:
        app.add_middleware(Keys, keys=keys, metrics_open=settings.metrics_open)
    if origins := settings.cors_origin_list:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=origins,
            allow_methods=["GET", "POST"],
            allow_headers=["authorization", "content-type", *HEADERS],
            expose_headers=["retry-after", "server-timing", *HEADERS],
        )
    app.add_middleware(Observation, metrics=metrics)
    install_handlers(app)
    for routes in (answers, huggingface, health, page):
        app.include_router(routes.router)
    return app
