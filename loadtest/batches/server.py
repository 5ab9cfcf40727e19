"""The Triton to measure: one that is running already, or an embedded one."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from pathlib import Path

from embedded.errors import EmbeddedError
from embedded.manifest import check_files
from embedded.ports import free_ports
from embedded.server import EmbeddedTriton, run_triton
from loadtest.batches.triton import Triton
from loadtest.errors import LoadTestError

START_SECONDS = 60
GRACE_SECONDS = 5


@contextmanager
def connected(url: str | None, repository: Path, models: Sequence[str]) -> Iterator[Triton]:
    """Yield a connection to the Triton at ``url``, or to an embedded one without a URL.

    The embedded one has ``models`` of ``repository``, and loads each on request. Raises
    LoadTestError when the server is not up or cannot start, or when the files of a model are not
    those of its export.
    """
    try:
        with ExitStack() as stack:
            if url is None:
                url = stack.enter_context(_embedded(repository, models)).url
            triton = stack.enter_context(closing(Triton(url)))
            triton.version()
            yield triton
    except EmbeddedError as error:
        raise LoadTestError(str(error)) from error


def _embedded(repository: Path, models: Sequence[str]) -> AbstractContextManager[EmbeddedTriton]:
    for model in models:
        check_files(repository, model)
    return run_triton(
        repository,
        models,
        free_ports(),
        start_seconds=START_SECONDS,
        grace_seconds=GRACE_SECONDS,
        load_on_request=True,
    )
