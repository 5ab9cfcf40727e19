"""The Triton that is measured: one that runs already, or the embedded one."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from embedded.errors import EmbeddedError
from embedded.manifest import check_files
from embedded.ports import free_ports
from embedded.server import run_triton
from loadtest.batches.triton import Triton
from loadtest.errors import LoadTestError

START_SECONDS = 60
GRACE_SECONDS = 5


@contextmanager
def connected(url: str | None, repository: Path, models: Sequence[str]) -> Iterator[Triton]:
    """Yield a connection to the Triton at ``url``, or to an embedded one if there is no such.

    The embedded one has ``models`` of ``repository``, and loads each when it is asked to. Raises
    LoadTestError when the server is not up or cannot start, or when a model is not that of its
    export.
    """
    if url is not None:
        with _connection(url) as triton:
            yield triton
        return
    try:
        for model in models:
            check_files(repository, model)
        with (
            run_triton(
                repository,
                models,
                free_ports(),
                start_seconds=START_SECONDS,
                grace_seconds=GRACE_SECONDS,
                load_on_request=True,
            ) as embedded,
            _connection(embedded.url) as triton,
        ):
            yield triton
    except EmbeddedError as error:
        raise LoadTestError(str(error)) from error


@contextmanager
def _connection(url: str) -> Iterator[Triton]:
    triton = Triton(url)
    try:
        triton.version()
        yield triton
    finally:
        triton.close()
