"""The gateway's client for one Triton, over asynchronous gRPC."""

from dataclasses import dataclass
from typing import Any

import grpc
from opentelemetry import propagate

from embedded.inference import Logits, make_request, read_config, read_logits
from embedded.protocol import (
    CHANNEL_OPTIONS,
    reconnect_options,
    service_pb2,
    service_pb2_grpc,
)
from qa.proxies import grpc_options
from qa.tensors import ContractError, RequestShape
from qa.windows import Rows
from serving.errors import (
    DeadlineExceeded,
    ModelFault,
    Overloaded,
    ServingError,
    Unavailable,
    UnknownModel,
)

LONGEST_RECONNECT_MS = 1000


@dataclass(frozen=True)
class ModelInfo:
    """What Triton says about a model."""

    name: str
    backend: str
    shape: RequestShape  # of a request to it
    max_batch_size: int


class Triton:
    """A connection to the Triton at ``url`` (address:port), which may have a name."""

    def __init__(self, url: str, name: str | None = None) -> None:
        self.url = url
        # a service mesh in between routes by the name
        named = ("grpc.default_authority", name or url)
        reconnect = reconnect_options(LONGEST_RECONNECT_MS)
        options = [*CHANNEL_OPTIONS, *reconnect, *grpc_options(url, name), named]
        self._channel = grpc.aio.insecure_channel(url, options=options)
        self._stub = service_pb2_grpc.GRPCInferenceServiceStub(self._channel)
        self._infos: dict[str, ModelInfo] = {}

    async def close(self, grace: float | None = None) -> None:
        """Close the connection when no call is in flight, after ``grace`` seconds at most."""
        await self._channel.close(grace)

    async def models(self, timeout: float) -> set[str]:
        """Return the names of the models that are ready; raises as ``infer`` does."""
        request = service_pb2.RepositoryIndexRequest(ready=True)
        index = await self._call(self._stub.RepositoryIndex, request, timeout)
        return {model.name for model in index.models}

    def knows(self, model: str) -> bool:
        """Whether ``info`` knows ``model`` without asking Triton."""
        return model in self._infos

    async def info(self, model: str, timeout: float) -> ModelInfo:
        """Return what Triton says about ``model``, asked once; raises as ``infer`` does.

        Raises UnknownModel for a model whose config does not keep the tensor contract.
        """
        if model not in self._infos:
            request = service_pb2.ModelConfigRequest(name=model)
            config = (await self._call(self._stub.ModelConfig, request, timeout, model)).config
            try:
                shape = read_config(config)
            except ContractError as error:
                raise UnknownModel(f"model {model!r} cannot be served: {error}") from error
            backend = config.backend or config.platform
            self._infos[model] = ModelInfo(config.name, backend, shape, config.max_batch_size)
        return self._infos[model]

    async def mean_batch(self, model: str, timeout: float) -> float | None:
        """Return the mean windows of an execution of ``model``; None before the first."""
        request = service_pb2.ModelStatisticsRequest(name=model)
        reply = await self._call(self._stub.ModelStatistics, request, timeout, model)
        windows = sum(each.inference_count for each in reply.model_stats)
        executions = sum(each.execution_count for each in reply.model_stats)
        return windows / executions if executions else None

    async def infer(self, model: str, rows: Rows, timeout: float) -> Logits:
        """Run ``model`` on ``rows`` in one call of at most ``timeout`` seconds.

        Raises Unavailable, Overloaded, DeadlineExceeded or ModelFault.
        """
        request = make_request(model, rows)
        # Triton drops a request that waits in its queue for longer, in microseconds
        request.parameters["timeout"].int64_param = round(timeout * 1e6)
        response = await self._call(self._stub.ModelInfer, request, timeout, model)
        try:
            return read_logits(response, rows.input_ids.shape)
        except ContractError as error:
            raise ModelFault(f"{error}; the server's log says more") from error

    async def _call(self, method: Any, request: Any, timeout: float, model: str = "") -> Any:
        metadata: dict[str, str] = {}
        propagate.inject(metadata)  # the trace, if there is one, which Triton's span then joins
        try:
            return await method(request, timeout=timeout, metadata=tuple(metadata.items()))
        except grpc.aio.AioRpcError as error:
            raise explain(error, self.url, model) from error
        except grpc.aio.UsageError as error:  # a late request: the channel is closed already
            raise Unavailable("the gateway is shutting down") from error


def explain(error: grpc.aio.AioRpcError, url: str, model: str) -> ServingError:
    """Turn a gRPC error into ours.

    Triton answers UNAVAILABLE for a full queue and for a timeout in the queue alike; only its
    message tells them apart. A Python stub that died is INTERNAL.
    """
    code, details = error.code(), (error.details() or "").lower()
    if "exceeds maximum queue size" in details:
        return Overloaded("too many requests are waiting for the model; try again shortly")
    if code is grpc.StatusCode.DEADLINE_EXCEEDED or "request timeout expired" in details:
        return DeadlineExceeded("the model did not answer in time; try again later")
    if code is grpc.StatusCode.NOT_FOUND or "unknown model" in details:
        return Unavailable(f"Triton at {url} has no model {model!r}; check which ones it serves")
    gone = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED)  # by a server that stops
    if code in gone or "not healthy" in details or "not ready" in details:
        return Unavailable("Triton does not answer; try again shortly")
    return ModelFault("the model failed on this request; the server's log says more")
