"""How a command ends early: by Ctrl-C, SIGTERM or an error of ours."""

import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any

from loadtest.errors import LoadTestError

INTERRUPTED = "interrupted"  # why a result is partial


@dataclass
class Stop:
    """Why a measurement ended early; None when it did not."""

    reason: str | None = None


def interrupt_me() -> None:
    """Make Ctrl-C and SIGTERM raise KeyboardInterrupt in the greenlet that calls this.

    Otherwise Python raises it in whichever greenlet is running, and gevent prints it.
    """
    import gevent  # imported here, as some processes that import this module do without it

    for number in (signal.SIGINT, signal.SIGTERM):
        gevent.signal_handler(number, gevent.kill, gevent.getcurrent(), KeyboardInterrupt)


@contextmanager
def stoppable() -> Iterator[Stop]:
    """Let an interrupt or a LoadTestError end the block, and keep the reason."""
    stop = Stop()
    try:
        yield stop
    except KeyboardInterrupt:
        stop.reason = INTERRUPTED
    except LoadTestError as error:
        stop.reason = str(error)


def raise_again(reason: str | None, kept: Path | None) -> None:
    """Raise what ended a measurement early, if anything did; ``kept`` is the file of its result."""
    if reason == INTERRUPTED:
        raise KeyboardInterrupt
    if reason:
        where = f"; what was measured until then is in {kept}" if kept else ""
        raise LoadTestError(reason + where)


def ending(command: Callable[..., None]) -> Callable[..., None]:
    """Return ``command`` with the endings that all our commands have.

    A LoadTestError prints one line, and the exit code is 1. An interrupt prints one line too, and
    the code is 130, as shells have it for SIGINT.
    """

    @wraps(command)
    def run(*args: Any, **options: Any) -> None:
        try:
            command(*args, **options)
        except LoadTestError as error:
            print(f"error: {error}", file=sys.stderr)
            sys.exit(1)
        except KeyboardInterrupt:
            print(INTERRUPTED, file=sys.stderr)
            sys.exit(128 + signal.SIGINT)

    return run
