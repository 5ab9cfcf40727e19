"""Whether the gateway is live and ready, what it serves, and its metrics."""

from fastapi import APIRouter, Request, Response
from fastapi.responses import PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST

from serving.dependencies import KEYED, AnswererDep, ReadinessDep, documented
from serving.errors import DeadlineExceeded, Unauthorized, Unavailable
from serving.schema import Health, Info

router = APIRouter(tags=["health"])


@router.get("/health/live")
async def live() -> Health:
    """Say that the gateway's process runs."""
    return Health(status="live")


@router.get("/health/ready", responses=documented(Unavailable))
async def ready(readiness: ReadinessDep) -> Health:
    """Say whether the gateway is ready for questions."""
    await readiness.check()
    return Health(status="ready")


@router.get(
    "/info",
    responses=documented(Unauthorized, Unavailable, DeadlineExceeded),
    dependencies=[KEYED],
)
async def info(request: Request, answerer: AnswererDep) -> Info:
    """Say what is served."""
    model = await answerer.info()
    return Info(
        name=model.name,
        backend=model.backend,
        max_batch_size=model.max_batch_size,
        **vars(model.shape),
        reason=answerer.choice.reason,
        mean_batch_size=await answerer.mean_batch(),
        version=request.app.version,
    )


@router.get(
    "/metrics",
    response_class=PlainTextResponse,
    responses=documented(Unauthorized),
    dependencies=[KEYED],
)
async def metrics(answerer: AnswererDep) -> Response:
    """Return the metrics, for Prometheus."""
    return Response(answerer.metrics.text(), media_type=CONTENT_TYPE_LATEST)
