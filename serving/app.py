"""The gateway's HTTP application: its parts, put together."""

import gc
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from importlib.metadata import version

from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware

from embedded.selection import Choice
from embedded.server import EmbeddedTriton
from serving.disconnect import Disconnect
from serving.errors import install_handlers
from serving.keys import Keys
from serving.lifespan import answerer_of
from serving.limits import BodyLimit
from serving.metrics import Metrics
from serving.observation import Observation, is_quiet
from serving.readiness import Readiness
from serving.routes import answers, health, huggingface, kserve, page
from serving.settings import Settings
from serving.shutdown import LastReplies, Shutdown

ROUTERS = (answers.router, huggingface.router, health.router, kserve.router, page.router)
HEADERS = ("x-request-id", "x-request-timeout-ms")


def create_app(
    settings: Settings,
    triton_urls: Sequence[str],
    choice: Choice,
    embedded: EmbeddedTriton | None = None,
) -> FastAPI:
    """Make the gateway that answers with the chosen model of the Tritons at ``triton_urls``.

    ``embedded`` is the only one of them, if this process has to start it again when it dies.
    """
    metrics, shutdown = Metrics(), Shutdown(settings.drain_seconds)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[dict[str, Metrics]]:
        answering = answerer_of(settings, triton_urls, choice, metrics, embedded)
        async with answering as answerer:
            app.state.answerer = answerer
            app.state.readiness = Readiness(answerer, shutdown)
            # freeze what stays for good: to collect it again would stop everything for 50 ms
            gc.collect()
            gc.freeze()
            with shutdown.on_sigterm():
                yield {"metrics": metrics}  # for the protocol, which counts refused connections

    app = FastAPI(
        title="ELECTRA question answering",
        summary="Extractive question answering, served through Triton.",
        version=version("electra-qa-triton"),
        lifespan=lifespan,
        # traces are set up by OpenTelemetry's own variables; metrics and logs do not go this way
        telemetry={
            "auto_configure": True,
            "metrics": False,
            "logs": False,
            "operation_spans": False,
            "exclude": lambda scope: is_quiet(scope["path"]),
        },
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
    known = [route for router in ROUTERS for route in router.routes]
    app.add_middleware(LastReplies, shutdown=shutdown)
    app.add_middleware(Observation, metrics=metrics, routes=known)
    install_handlers(app)
    for router in ROUTERS:
        app.include_router(router)
    return app
