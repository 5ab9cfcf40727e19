"""The parameters that routes share, and the errors that they document."""

from typing import Annotated, Any

from fastapi import Depends, Header, Request, Security
from fastapi.security import HTTPBearer

from serving.answerer import Answerer
from serving.deadline import Deadline
from serving.errors import (
    DeadlineExceeded,
    InvalidJson,
    InvalidRequest,
    ModelFault,
    Overloaded,
    ServingError,
    SlowBody,
    TooLarge,
    Unauthorized,
    Unavailable,
    UnknownModel,
    UnsupportedMediaType,
)
from serving.readiness import Readiness
from serving.schema import ErrorBody
from serving.trace import Trace, trace_of


def answerer_of(request: Request) -> Answerer:
    """Return the gateway's answerer."""
    answerer = request.app.state.answerer
    assert isinstance(answerer, Answerer)  # noqa: S101 - set by the lifespan, and only there
    return answerer


def deadline_of(answerer: Answerer, trace: Trace, timeout_ms: int | None = None) -> Deadline:
    """Return the deadline of a request, which may ask for less time than the server allows."""
    seconds = answerer.settings.request_seconds
    if timeout_ms is not None:
        seconds = min(seconds, timeout_ms / 1000)
    return Deadline.after(seconds, spent=trace.total)


# coroutines: FastAPI would run functions in threads, one after the other
async def _answerer(request: Request) -> Answerer:
    return answerer_of(request)


async def _readiness(request: Request) -> Readiness:
    readiness = request.app.state.readiness
    assert isinstance(readiness, Readiness)  # noqa: S101 - as above
    return readiness


async def _trace(request: Request) -> Trace:
    return trace_of(request.scope)


async def _deadline(
    answerer: Annotated[Answerer, Depends(_answerer)],
    trace: Annotated[Trace, Depends(_trace)],
    x_request_timeout_ms: Annotated[
        int | None, Header(ge=1, description="shortens ELECTRA_QA_REQUEST_SECONDS for this request")
    ] = None,
) -> Deadline:
    return deadline_of(answerer, trace, x_request_timeout_ms)


AnswererDep = Annotated[Answerer, Depends(_answerer)]
ReadinessDep = Annotated[Readiness, Depends(_readiness)]
TraceDep = Annotated[Trace, Depends(_trace)]
DeadlineDep = Annotated[Deadline, Depends(_deadline)]

Responses = dict[int | str, dict[str, Any]]


def documented(*errors: type[ServingError]) -> Responses:
    """Describe the replies of these errors for the OpenAPI document."""
    return {error.status: {"model": ErrorBody, "description": error.__doc__} for error in errors}


#: The errors of every route that answers questions.
ANSWERING_ERRORS = documented(
    InvalidJson,
    Unauthorized,
    UnknownModel,
    SlowBody,
    TooLarge,
    UnsupportedMediaType,
    InvalidRequest,
    Overloaded,
    ModelFault,
    Unavailable,
    DeadlineExceeded,
)

#: Says in the OpenAPI document that a key may be needed; ``serving.keys`` checks it.
KEYED = Security(
    HTTPBearer(auto_error=False, description="one of ELECTRA_QA_API_KEYS, if the server has any")
)
