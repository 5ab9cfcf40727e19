"""What can go wrong with a request; each class owns its HTTP status and its type."""

import logging
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.types import Scope

from serving.trace import trace_of

logger = logging.getLogger(__name__)

MESSAGE_CHARS = 500  # a message may quote the request; it must not repeat all of it


class ServingError(Exception):
    """A request that gets no answer; the message is for the client to read."""

    status: ClassVar[int] = 500
    type: ClassVar[str] = "internal"
    retry_after: int | None = None  # seconds

    @property
    def is_fault(self) -> bool:
        """Whether the server failed, or had no room: the same request may succeed later."""
        return self.status == 429 or self.status >= 500


class InvalidJson(ServingError):
    """The body is not JSON."""

    status, type = 400, "invalid_json"


class Unauthorized(ServingError):
    """The API key is missing or wrong."""

    status, type = 401, "unauthorized"


class UnknownModel(ServingError):
    """The model that the request names is not served."""

    status, type = 404, "unknown_model"


class SlowBody(ServingError):
    """The body did not come in time."""

    status, type = 408, "slow_body"


class TooLarge(ServingError):
    """The body, the question or the context is over a limit."""

    status, type = 413, "too_large"


class UnsupportedMediaType(ServingError):
    """The body is not declared as JSON, or is compressed."""

    status, type = 415, "unsupported_media_type"


class InvalidRequest(ServingError):
    """A field is missing, unknown, of the wrong type or out of range."""

    status, type = 422, "invalid_request"


class Overloaded(ServingError):
    """Too many windows are in flight, or Triton's queue is full."""

    status, type = 429, "overloaded"

    def __init__(self, message: str, retry_after: int = 1) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class ModelFault(ServingError):
    """The model failed on this request; the log says how."""

    status, type = 500, "model_fault"


class Unavailable(ServingError):
    """Triton is down or not ready."""

    status, type = 503, "unavailable"
    retry_after = 1


class TooManyConnections(ServingError):
    """More connections are open than are allowed."""

    status, type = 503, "too_many_connections"
    retry_after = 1


class DeadlineExceeded(ServingError):
    """The answer did not come in time."""

    status, type = 504, "deadline_exceeded"


def refuse(scope: Scope, error: ServingError) -> JSONResponse:
    """Make the reply for ``error``, and note it in the request's trace."""
    return _reply(scope, error.status, error.type, str(error), error.retry_after)


def _reply(
    scope: Scope, status: int, error_type: str, message: str, retry_after: int | None = None
) -> JSONResponse:
    trace_of(scope).refused = error_type
    headers = {} if retry_after is None else {"retry-after": str(retry_after)}
    if status == Unauthorized.status:
        headers["www-authenticate"] = "Bearer"
    return JSONResponse(error_body(error_type, message), status, headers)


def error_body(error_type: str, message: str) -> dict[str, dict[str, str]]:
    """Make the body that every error has; the message is cut, as it may quote the request."""
    # a lone surrogate quoted from the request has no UTF-8 form
    text = message[:MESSAGE_CHARS].encode("utf-8", "backslashreplace").decode()
    return {"error": {"type": error_type, "message": text}}


def install_handlers(app: FastAPI) -> None:
    """Give every error of ``app``, also the framework's own, the same kind of body."""
    app.add_exception_handler(ServingError, _on_serving_error)
    app.add_exception_handler(RequestValidationError, _on_validation_error)
    app.add_exception_handler(HTTPException, _on_http_exception)


def _on_serving_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, ServingError)  # noqa: S101 - registered for this class alone
    if isinstance(error, ModelFault):
        logger.error("%s", error, exc_info=error)
    return refuse(request.scope, error)


def media_type(request: Request) -> str:
    """Return what a request's body is declared as, in lower case; "" if it is not."""
    return request.headers.get("content-type", "").split(";")[0].strip().lower()


def _on_validation_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - as above
    return _on_serving_error(request, _classify(request, error))


def _classify(request: Request, error: RequestValidationError) -> ServingError:
    given = media_type(request)
    if given != "application/json" and not given.endswith("+json"):
        return UnsupportedMediaType(
            f"content-type is {given or 'missing'!r}; send application/json"
        )
    problems = error.errors()
    if any(problem["type"] == "json_invalid" for problem in problems):
        reason = problems[0].get("ctx", {}).get("error", "malformed")
        return InvalidJson(f"the body is not JSON: {reason}")
    # the place of a problem begins with "body", "header" or the like
    return describe([{**problem, "loc": problem["loc"][1:]} for problem in problems])


def describe(problems: Iterable[Mapping[str, Any]]) -> InvalidRequest:
    """Make one error of all the problems that pydantic found."""
    return InvalidRequest("; ".join(_describe(problem) for problem in problems))


def _describe(problem: Mapping[str, Any]) -> str:
    path = problem["loc"]
    name = ".".join(str(part)[:80] for part in path) or "the body"
    if problem["type"] == "extra_forbidden":
        return f"{name}: unknown field"
    return f"{name}: {problem['msg']}"


def _on_http_exception(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)  # noqa: S101 - as above
    if error.status_code == 400:  # FastAPI's, when json.loads raises anything but a syntax error
        return refuse(request.scope, InvalidJson("the body is not JSON that can be read"))
    kinds = {404: "not_found", 405: "method_not_allowed"}
    kind = kinds.get(error.status_code, "http_error")
    return _reply(request.scope, error.status_code, kind, str(error.detail))
