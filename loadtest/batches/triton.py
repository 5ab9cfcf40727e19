"""The load test's gRPC client of Triton, and Triton's statements on models and its time."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import grpc
from google.protobuf import json_format  # type: ignore[import-untyped]

from embedded.inference import Logits, read_config, read_logits
from embedded.protocol import (
    CHANNEL_OPTIONS,
    model_config_pb2,
    service_pb2,
    service_pb2_grpc,
)
from loadtest.errors import LoadTestError
from loadtest.result import TritonSplit
from qa.proxies import grpc_options
from qa.tensors import ContractError

REPLY_SECONDS = 10  # for requests that need no computing
LOAD_SECONDS = 300
INFER_SECONDS = 600  # a batch of 512 on a slow CPU
STAGES = ("queue", "compute_input", "compute_infer", "compute_output")


@dataclass(frozen=True)
class ModelInfo:
    """What Triton says of a loaded model."""

    name: str
    sequence_length: int
    max_batch_size: int
    on_gpu: bool


@dataclass(frozen=True)
class Statistics:
    """A model's totals since it was loaded."""

    requests: int
    nanoseconds: tuple[int, ...]  # in the order of STAGES


class Triton:
    """A connection to the Triton at ``url`` (host:port).

    Its methods raise LoadTestError when Triton does not answer, or refuses.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        options = [*CHANNEL_OPTIONS, *grpc_options(url)]
        self._channel = grpc.insecure_channel(url, options=options)
        self._stub = service_pb2_grpc.GRPCInferenceServiceStub(self._channel)

    def close(self) -> None:
        """Close the connection."""
        self._channel.close()

    def version(self) -> str:
        """Return the version of the server."""
        reply = self._call(self._stub.ServerMetadata, service_pb2.ServerMetadataRequest())
        return str(reply.version)

    def models(self) -> dict[str, bool]:
        """Return the names of all models of its repository, and whether each is loaded."""
        reply = self._call(self._stub.RepositoryIndex, service_pb2.RepositoryIndexRequest())
        return {model.name: model.state == "READY" for model in reply.models}

    @contextmanager
    def loaded(self, model: str, rows: int = 1) -> Iterator[ModelInfo]:
        """Load ``model`` for the block, unless it is loaded already.

        A model that is loaded for the block takes batches of at least ``rows`` rows, whatever its
        config says.
        """
        models = self.models()
        if model not in models:
            raise LoadTestError(
                f"Triton at {self.url} has no model {model!r}; it has {', '.join(models)}"
            )
        if models[model]:
            yield self.info(model)
            return
        self._load(model)
        try:
            config = self._config(model)
            if config.max_batch_size < rows:
                config.max_batch_size = rows
                self._load(model, config)
            yield self.info(model)
        finally:
            with suppress(LoadTestError):  # a server that is gone needs no unloading
                self._call(
                    self._stub.RepositoryModelUnload,
                    service_pb2.RepositoryModelUnloadRequest(model_name=model),
                )

    def info(self, model: str) -> ModelInfo:
        """Return what Triton says of ``model``."""
        config = self._config(model)
        try:
            shape = read_config(config)
        except ContractError as error:
            raise LoadTestError(f"model {model!r} cannot be measured: {error}") from error
        gpu = model_config_pb2.ModelInstanceGroup.KIND_GPU
        return ModelInfo(
            name=model,
            sequence_length=shape.sequence_length,
            max_batch_size=config.max_batch_size,
            on_gpu=any(group.kind == gpu for group in config.instance_group),
        )

    def statistics(self, model: str) -> Statistics:
        """Return the totals of ``model``."""
        request = service_pb2.ModelStatisticsRequest(name=model)
        reply = self._call(self._stub.ModelStatistics, request)
        every = [each.inference_stats for each in reply.model_stats]
        return Statistics(
            requests=sum(stats.success.count for stats in every),
            nanoseconds=tuple(sum(getattr(stats, name).ns for stats in every) for name in STAGES),
        )

    def infer(self, request: Any) -> Logits:
        """Send a request made by ``make_request``, and return the logits of its rows."""
        response = self._call(self._stub.ModelInfer, request, INFER_SECONDS)
        try:
            return read_logits(response, tuple(request.inputs[0].shape))
        except ContractError as error:
            raise LoadTestError(f"{request.model_name} cannot be measured: {error}") from error

    def begin(self, request: Any) -> grpc.Future:
        """Send a request made by ``make_request``; return the future of the reply."""
        return self._stub.ModelInfer.future(request, timeout=INFER_SECONDS)

    def _config(self, model: str) -> Any:
        request = service_pb2.ModelConfigRequest(name=model)
        return self._call(self._stub.ModelConfig, request).config

    def _load(self, model: str, config: Any = None) -> None:
        """Load ``model``, with ``config`` in place of its own where one is given."""
        request = service_pb2.RepositoryModelLoadRequest(model_name=model)
        if config is not None:
            text = json_format.MessageToJson(config, preserving_proto_field_name=True)
            request.parameters["config"].string_param = text
        self._call(self._stub.RepositoryModelLoad, request, LOAD_SECONDS)

    def _call(self, method: Any, request: Any, seconds: float = REPLY_SECONDS) -> Any:
        try:
            return method(request, timeout=seconds)
        except grpc.RpcError as error:
            raise LoadTestError(_explain(error, self.url, seconds)) from error


def split_between(before: Statistics, after: Statistics) -> TritonSplit | None:
    """Return the mean times of the requests between the two; None when there were none."""
    requests = after.requests - before.requests
    if requests <= 0:
        return None
    differences = zip(after.nanoseconds, before.nanoseconds, strict=True)
    return TritonSplit(*((late - early) / requests / 1e6 for late, early in differences))


def _explain(error: grpc.RpcError, url: str, seconds: float) -> str:
    code, details = error.code(), error.details() or ""
    if code is grpc.StatusCode.DEADLINE_EXCEEDED:
        return f"Triton at {url} did not answer within {seconds:g} s"
    if code is grpc.StatusCode.UNAVAILABLE and "explicit" not in details:
        return f"Triton at {url} does not answer: is it up? ({details})"
    return f"Triton at {url} refuses: {details}"
