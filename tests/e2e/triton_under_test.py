"""A Triton that runs already, which the tests ask in place of an embedded one: ``--triton``."""

import os

import grpc
import pytest
from tritonclient.grpc import service_pb2, service_pb2_grpc

from export.variants import CPU_ORDER


def settings_for(url: str) -> dict[str, str]:
    """Settings of gateways that ask the Triton at ``url`` (host:port), by its best model."""
    served = models_of(url)
    known = [each.model_name for each in CPU_ORDER]
    best = next((name for name in known if name in served), None)
    if best is None:
        raise pytest.UsageError(f"--triton: {url} serves {served}, and none of {known}")
    return {"ELECTRA_QA_TRITON_URL": url, "ELECTRA_QA_MODEL": best}


def served(own: str) -> str:
    """The models that a gateway's errors list: ``own``, or those of the Triton under test."""
    url = os.environ.get("ELECTRA_QA_TRITON_URL")
    return ", ".join(sorted(models_of(url))) if url else own


def models_of(url: str) -> list[str]:
    """The models that the Triton at ``url`` serves."""
    with grpc.insecure_channel(url) as channel:
        stub = service_pb2_grpc.GRPCInferenceServiceStub(channel)
        try:
            index = stub.RepositoryIndex(service_pb2.RepositoryIndexRequest(ready=True), timeout=10)
        except grpc.RpcError as error:
            raise pytest.UsageError(f"--triton: {url} does not answer: {error.details()}") from None
    return [model.name for model in index.models]
