"""A real Triton loads each exported model and answers, or the export fails."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import grpc
import numpy as np

from embedded.errors import EmbeddedError
from embedded.inference import make_request, read_logits
from embedded.ports import free_ports
from embedded.protocol import service_pb2, service_pb2_grpc
from embedded.server import run_triton
from export.errors import ExportError
from export.variants import Variant
from qa.proxies import grpc_options
from qa.tensors import ContractError
from qa.windows import Rows

LOAD_SECONDS = 300  # a large model on a busy machine
GRACE_SECONDS = 5


@contextmanager
def asking_triton(
    repository: Path, variants: tuple[Variant, ...], sequence_length: int
) -> Iterator[Callable[[Variant], str]]:
    """Run a Triton on ``repository``; yield a function that tries a variant in it.

    The function has Triton load the variant by its config, answer, and unload it, so that only
    one is in memory, and returns Triton's version. It raises ExportError, with Triton's message,
    when Triton refuses, or when logits are not finite.
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
    name, rows = variant.model_name, _rows(sequence_length)
    try:
        stub.RepositoryModelLoad(
            service_pb2.RepositoryModelLoadRequest(model_name=name), timeout=LOAD_SECONDS
        )
        response = stub.ModelInfer(make_request(name, rows), timeout=LOAD_SECONDS)
        stub.RepositoryModelUnload(service_pb2.RepositoryModelUnloadRequest(model_name=name))
        version = str(stub.ServerMetadata(service_pb2.ServerMetadataRequest()).version)
        logits = read_logits(response, rows.input_ids.shape)
    except grpc.RpcError as error:
        said = " ".join(error.details().split())
        raise ExportError(f"{variant.name} does not work in Triton: {said}") from error
    except ContractError as error:
        raise ExportError(f"{variant.name} does not work in Triton: {error}") from error
    if not (np.isfinite(logits.start).all() and np.isfinite(logits.end).all()):
        raise ExportError(f"{variant.name} gives logits in Triton that are not finite numbers")
    return version


def _rows(sequence_length: int) -> Rows:
    """Return two rows: one full, one with a single token."""
    ones = np.ones((2, sequence_length), np.int32)
    ones[1, 1:] = 0
    return Rows(ones, ones, ones)
