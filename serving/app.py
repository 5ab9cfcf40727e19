"""The gateway's HTTP application: its parts, put together."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version

from fastapi import FastAPI

from qa.windows import load_tokenizer
from serving.admission import Admission
from serving.answering import Answerer
from serving.disconnect import Disconnect
from serving.errors import install_handlers
from serving.limits import BodyLimit
from serving.metrics import Metrics
from serving.observation import Observation
from serving.routes import answers, health, huggingface
from serving.settings import Settings
from serving.triton import Triton


def create_app(settings: Settings, triton_url: str) -> FastAPI:
    """Make the gateway that answers with ``settings.model`` of the Triton at ``triton_url``."""
    admission = Admission(settings.max_windows_in_flight)
    metrics = Metrics(windows_in_flight=lambda: admission.in_flight)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        triton = Triton(triton_url)
        tokenizer = load_tokenizer(settings.tokenizer_path)
        app.state.answerer = Answerer(
            settings, settings.model, tokenizer, triton, admission, metrics
        )
        yield
        await triton.close()

    app = FastAPI(
        title="ELECTRA question answering",
        summary="Extractive question answering, served through Triton.",
        version=version("electra-qa-triton"),
        lifespan=lifespan,
    )
    # the innermost first
    app.add_middleware(Disconnect)
    app.add_middleware(BodyLimit, max_bytes=settings.max_body_bytes)
    app.add_middleware(Observation, metrics=metrics)
    install_handlers(app)
    for routes in (answers, huggingface, health):
        app.include_router(routes.router)
    return app
