"""``python -m serving``: the gateway, with a Triton of its own unless a setting names one."""

import logging
import os
import signal
import ssl
import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import uvicorn
from fastapi import FastAPI
from pydantic import ValidationError
from pydantic_settings import CliApp, SettingsError

from embedded.cpu import read_cpu
from embedded.errors import EmbeddedError
from embedded.gpu import serving_gpu
from embedded.layout import prefix
from embedded.manifest import check_files
from embedded.ports import Ports, listen
from embedded.selection import Choice, choose
from embedded.server import EmbeddedTriton, run_triton
from qa.proxies import excepting_this_machine
from qa.tokenizer import TokenizerError
from serving import kserve
from serving.app import create_app
from serving.environment import variable
from serving.logs import configure
from serving.metrics import Metrics, share
from serving.names import Place
from serving.protocol import BoundedProtocol
from serving.settings import Settings
from serving.workers import WorkerError, create_worker, run_workers, supervised

logger = logging.getLogger("serving")

START_ERRORS = (EmbeddedError, kserve.KServeError, SettingsError, TokenizerError, WorkerError)

# longer than clients keep an idle connection, or one could be closed just as a request comes
KEEP_ALIVE_SECONDS = 75
# a worker that is silent for so long is replaced; starting takes a while where CPUs are short
WORKER_SILENT_SECONDS = 60


def main() -> int:
    """Run until SIGINT or SIGTERM; return the exit code."""
    os.environ.update(excepting_this_machine(os.environ))  # for the exporter of traces
    try:
        theirs, ours = kserve.split(sys.argv[1:])
        settings = CliApp.run(Settings, ours, **theirs)
        configure(settings.log_format, settings.log_level)
        serve(settings)
    except ValidationError as error:
        for problem in error.errors():
            name = "".join(variable(str(part)) for part in problem["loc"][:1])
            # a problem of several settings together has no name
            what = f"{name}={problem['input']!r}: " if name else ""
            said = problem["msg"].removeprefix("Value error, ")
            print(f"error: {what}{said}", file=sys.stderr)
        return 1
    except ssl.SSLError as error:
        names = "ELECTRA_QA_TLS_CERT or ELECTRA_QA_TLS_KEY"
        print(f"error: {names} cannot be used: {error}", file=sys.stderr)
        return 1
    except START_ERRORS as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def serve(settings: Settings) -> None:
    """Serve until a signal ends it; raises one of ``START_ERRORS`` when it cannot start."""
    if not settings.tokenizer_path.is_file():
        raise TokenizerError(
            f"there is no tokenizer at {settings.tokenizer_path}; run make export, or name its "
            "folder with --model-repository, or the file with --tokenizer"
        )
    if settings.tls_cert and settings.tls_key:
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(
            settings.tls_cert, settings.tls_key
        )
    # a signal during start-up must unwind as well, or Triton would be left behind
    for ending in (signal.SIGINT, signal.SIGTERM):
        signal.signal(ending, lambda *_: sys.exit(0))
    with ExitStack() as stack:
        bound = listen(settings.host, settings.port, "the gateway's port", variable("port"))
        stack.callback(bound.close)
        choice = _choice(settings)
        urls = settings.triton_url_list
        embedded = None if urls else _embedded(stack, settings, choice.model)
        if embedded:
            urls = [embedded.url]
        scheme = "https" if settings.tls_cert else "http"
        address = f"{scheme}://{Place(settings.host, settings.port)}"
        logger.info("answering on %s with %s, %s", address, choice.model, choice.reason)
        if settings.workers == 1:
            app = partial(create_app, settings, urls, choice, embedded)
            uvicorn.Server(server_config(settings, app)).run(sockets=[bound])
            return
        share(Path(stack.enter_context(tempfile.TemporaryDirectory(prefix=prefix(os.getpid())))))
        if embedded:
            stack.enter_context(supervised(settings, choice, embedded, Metrics()))
        run_workers(server_config(settings, partial(create_worker, settings, urls, choice)), bound)


def server_config(settings: Settings, create: Callable[[], FastAPI]) -> uvicorn.Config:
    """Return how uvicorn serves the application that ``create`` makes."""
    protocol = partial(
        BoundedProtocol,
        max_connections=settings.max_connections,
        head_seconds=settings.head_seconds,
    )
    return uvicorn.Config(
        create,
        factory=True,
        http=protocol,  # type: ignore[arg-type]  # uvicorn asks for a type, but only calls it
        workers=settings.workers,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=round(settings.grace_seconds),
        timeout_worker_healthcheck=WORKER_SILENT_SECONDS,
        ssl_certfile=settings.tls_cert,
        ssl_keyfile=settings.tls_key,
    )


def _choice(settings: Settings) -> Choice:
    if settings.model:
        return Choice(settings.model, "named by ELECTRA_QA_MODEL")
    if settings.model_name:
        return Choice(settings.model_name, "named by ELECTRA_QA_MODEL_NAME")
    return choose(settings.model_repository, read_cpu(), serving_gpu())


def _embedded(stack: ExitStack, settings: Settings, model: str) -> EmbeddedTriton:
    models = list(dict.fromkeys([model, *settings.model_list]))
    for each in models:
        check_files(settings.model_repository, each)
    ports = Ports(
        settings.triton_http_port, settings.triton_grpc_port, settings.triton_metrics_port
    )
    triton = stack.enter_context(
        run_triton(
            settings.model_repository,
            models,
            ports,
            host=str(settings.triton_host),
            start_seconds=settings.triton_start_seconds,
            grace_seconds=settings.grace_seconds,
        )
    )
    logger.info("Triton is up on %s; its log: %s", triton.url, triton.log)
    return triton


if __name__ == "__main__":
    sys.exit(main())
