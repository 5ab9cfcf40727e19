"""Health in KServe's protocols v2 and v1; questions have the gateway's own routes."""

from fastapi import APIRouter

from serving.dependencies import AnswererDep, ReadinessDep, documented
from serving.errors import DeadlineExceeded, Unavailable, UnknownModel
from serving.schema import Live, ModelReady, ServerReady

router = APIRouter(tags=["KServe"])


@router.get("/v2/health/live")
async def server_live() -> Live:
    """Say that the gateway's process runs."""
    return Live(live=True)


@router.get("/v2/health/ready", responses=documented(Unavailable))
async def server_ready(readiness: ReadinessDep) -> ServerReady:
    """Say whether the gateway is ready for questions, as /health/ready does."""
    await readiness.check()
    return ServerReady(ready=True)


@router.get(
    "/v2/models/{name}/ready", responses=documented(UnknownModel, Unavailable, DeadlineExceeded)
)
@router.get("/v1/models/{name}", responses=documented(UnknownModel, Unavailable, DeadlineExceeded))
async def model_ready(name: str, readiness: ReadinessDep, answerer: AnswererDep) -> ModelReady:
    """Say whether questions may name this model; KServe's own name for it is known too."""
    await readiness.check()
    if name not in (answerer.choice.model, answerer.settings.model_name):
        served = await answerer.triton.models(answerer.settings.ready_seconds)
        if name not in served:
            raise UnknownModel(f"model {name!r} is not served; /info says what is")
    return ModelReady(name=name, ready=True)
