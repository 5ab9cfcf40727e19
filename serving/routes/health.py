"""Whether the gateway lives, whether it can answer, and what is served."""

from fastapi import APIRouter, Request

from serving.dependencies import Answering, documented
from serving.errors import DeadlineExceeded, ServingError, Unavailable
from serving.schema import Health, Info

router = APIRouter(tags=["health"])


@router.get("/health/live")
async def live() -> Health:
    """Say that the gateway's process runs."""
    return Health(status="live")


@router.get("/health/ready", responses=documented(Unavailable, DeadlineExceeded))
async def ready(answerer: Answering) -> Health:
    """Say whether a question can be answered now: one is, through Triton."""
    try:
        await answerer.probe()
    except ServingError as error:
        raise Unavailable(f"not ready: {error}") from error
    return Health(status="ready")


@router.get("/info", responses=documented(Unavailable, DeadlineExceeded))
async def info(request: Request, answerer: Answering) -> Info:
    """Say what is served."""
    return Info(**vars(await answerer.info()), version=request.app.version)
