"""What routes are given, and the errors that they document."""

from typing import Annotated, Any

from fastapi import Depends, Request

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
    UnknownModel,
    UnsupportedMediaType,
)
from serving.schema import ErrorBody


def _answerer(request: Request) -> Answerer:
    answerer = request.app.state.answerer
    assert isinstance(answerer, Answerer)  # noqa: S101 - set by the lifespan, and only there
    return answerer


Answering = Annotated[Answerer, Depends(_answerer)]

Responses = dict[int | str, dict[str, Any]]


def documented(*errors: type[ServingError]) -> Responses:
    """Describe the replies of these errors for the OpenAPI document."""
    return {error.status: {"model": ErrorBody, "description": error.__doc__} for error in errors}


#: What every route that answers questions may say instead.
ANSWERING_ERRORS = documented(
    InvalidJson,
    UnknownModel,
    TooLarge,
    UnsupportedMediaType,
    InvalidRequest,
    Overloaded,
    ModelFault,
    Unavailable,
    DeadlineExceeded,
)
