"""The gateway's HTTP application: its routes."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Request

from embedded.selection import Choice
from qa.windows import load_tokenizer
from serving.answering import Answerer
from serving.errors import (
    DeadlineExceeded,
    InvalidJson,
    InvalidRequest,
    ModelFault,
    Overloaded,
    ServingError,
    TooLarge,
    Unavailable,
    UnsupportedMediaType,
    install_handlers,
)
from serving.limits import BodyLimit
from serving.schema import Answered, ErrorBody, Health, Info, Question, Span
from serving.settings import Settings
from serving.triton import Triton


def _documented(*errors: type[ServingError]) -> dict[int | str, dict[str, Any]]:
    return {error.status: {"model": ErrorBody, "description": error.__doc__} for error in errors}


def create_app(settings: Settings, triton_url: str, choice: Choice) -> FastAPI:
    """Make the gateway that answers with the chosen model of the Triton at ``triton_url``."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        triton = Triton(triton_url, choice.model)
        tokenizer = load_tokenizer(settings.tokenizer_path)
        app.state.answerer = Answerer(settings, tokenizer, triton)
        yield
        await triton.close()

    app = FastAPI(
        title="ELECTRA question answering",
        summary="Extractive question answering, served through Triton.",
        version=version("electra-qa-triton"),
        lifespan=lifespan,
    )
    app.state.choice = choice
    app.add_middleware(BodyLimit, max_bytes=settings.max_body_bytes)
    install_handlers(app)
    _add_routes(app)
    return app


def _answerer(request: Request) -> Answerer:
    answerer = request.app.state.answerer
    assert isinstance(answerer, Answerer)  # noqa: S101 - set by the lifespan, and only there
    return answerer


Answering = Annotated[Answerer, Depends(_answerer)]


def _add_routes(app: FastAPI) -> None:
    @app.post(
        "/answer",
        response_model_exclude_none=True,
        responses=_documented(
            InvalidJson,
            TooLarge,
            UnsupportedMediaType,
            InvalidRequest,
            Overloaded,
            ModelFault,
            Unavailable,
            DeadlineExceeded,
        ),
    )
    async def answer(question: Question, answerer: Answering) -> Answered:
        """Answer one question from its context."""
        spans = [Span(**vars(found)) for found in await answerer.answer(question)]
        return Answered(**dict(spans[0]), answers=spans if question.top_k > 1 else None)

    @app.get("/health/live")
    async def live() -> Health:
        """Say that the gateway's process runs."""
        return Health(status="live")

    @app.get("/health/ready", responses=_documented(Unavailable, DeadlineExceeded))
    async def ready(answerer: Answering) -> Health:
        """Say whether a question can be answered now: one is, through Triton."""
        try:
            await answerer.probe()
        except ServingError as error:
            raise Unavailable(f"not ready: {error}") from error
        return Health(status="ready")

    @app.get("/info", responses=_documented(Unavailable, DeadlineExceeded))
    async def info(request: Request, answerer: Answering) -> Info:
        """Say what is served."""
        served = await answerer.info()
        reason = request.app.state.choice.reason
        return Info(**vars(served), reason=reason, version=request.app.version)
