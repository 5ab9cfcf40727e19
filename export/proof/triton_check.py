"""A real Triton loads each exported model and answers, or the export fails."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import grpc
import numpy as np
from tritonclient.grpc import service_pb2, service_pb2_grpc

from embedded.errors import EmbeddedError
from embedded.ports import free_ports
from embedded.server import run_triton
from export.errors import ExportError
from export.variants import Variant
from qa.proxies import grpc_options
from qa.tensors import INPUTS, OUTPUTS

LOAD_SECONDS = 300  # a large model on a busy machine
GRACE_SECONDS = 5


@contextmanager
def asking_triton(
    repository: Path, variants: tuple[Variant, ...], sequence_length: int
) -> Iterator[Callable[[Variant], str]]:
    """Run a Triton on ``repository``; yield a function that tries a variant in it.

    It has Triton load the variant by its config, answer and unload it, so that the memory is
    that of one, and returns Triton's version. It raises ExportError, with Triton's own words,
    when Triton refuses or gives anything but finite logits.
    """
    names = [variant.model_name for variant in variants]
    try:
        with (
            run_triton(
                *(repository, names, free_ports()),
                start_seconds=LOAD_SECONDS,
                grace_seconds=GRACE_SECONDS,
                load_on_request=True,
            ) as triton,
            grpc.insecure_channel(triton.url, options=grpc_options(triton.url)) as channel,
        ):
            stub = service_pb2_grpc.GRPCInferenceServiceStub(channel)
            yield partial(_try, stub, sequence_length)
    except EmbeddedError as error:
        raise ExportError(f"the exported models cannot be tried in a Triton: {error}") from error


def _try(stub: Any, sequence_length: int, variant: Variant) -> str:
    name = variant.model_name
    try:
        stub.RepositoryModelLoad(
            service_pb2.RepositoryModelLoadRequest(model_name=name), timeout=LOAD_SECONDS
        )
        response = stub.ModelInfer(_request(name, sequence_length), timeout=LOAD_SECONDS)
        stub.RepositoryModelUnload(service_pb2.RepositoryModelUnloadRequest(model_name=name))
        version = str(stub.ServerMetadata(service_pb2.ServerMetadataRequest()).version)
    except grpc.RpcError as error:
        said = " ".join(error.details().split())
        raise ExportError(f"{variant.name} does not work in Triton: {said}") from error
    logits = [np.frombuffer(content, np.float32) for content in response.raw_output_contents]
    if {each.size for each in logits} != {2 * sequence_length} or not np.isfinite(logits).all():
        raise ExportError(f"{variant.name} gives logits in Triton that are not finite numbers")
    return version


def _request(name: str, sequence_length: int) -> Any:
    """Return a request of two rows: one full, one with nothing but a first token."""
    request = service_pb2.ModelInferRequest(model_name=name)
    rows = np.ones((2, sequence_length), np.int32)
    rows[1, 1:] = 0
    for each in INPUTS:
        request.inputs.add(name=each, datatype="INT32", shape=rows.shape)
        request.raw_input_contents.append(rows.tobytes())
    for each in OUTPUTS:
        request.outputs.add(name=each)
    return request
