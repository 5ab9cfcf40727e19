"""What stops a command before its end: Ctrl-C, SIGTERM or an error of ours; how it ends then."""

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
    """Why a measurement ended before its end, if it did."""

    reason: str | None = None


def interrupt_me() -> None:
    """Have Ctrl-C and SIGTERM raise KeyboardInterrupt in the greenlet that calls this.

    As Python delivers them they would be raised in whichever greenlet runs, and gevent would
    print them on the way.
    """
    import gevent  # only here: processes without it end as all others

    for number in (signal.SIGINT, signal.SIGTERM):
        gevent.signal_handler(number, gevent.kill, gevent.getcurrent(), KeyboardInterrupt)


@contextmanager
def stoppable() -> Iterator[Stop]:
    """Leave the block when an interrupt or a LoadTestError stops it, and keep the reason."""
    stop = Stop()
    try:
        yield stop
    except KeyboardInterrupt:
        stop.reason = INTERRUPTED
    except LoadTestError as error:
        stop.reason = str(error)


def raise_again(reason: str | None, kept: Path | None) -> None:
    """Raise what stopped a measurement, if anything did; ``kept`` is where its result is."""
    if reason == INTERRUPTED:
        raise KeyboardInterrupt
    if reason:
        where = f"; what was measured until then is in {kept}" if kept else ""
        raise LoadTestError(reason + where)


def ending(command: Callable[..., None]) -> Callable[..., None]:
    """Return ``command`` as all of ours end.

    An error of ours is one line, and exit code 1. An interrupt is one too, and code 130, as a
    shell says of what SIGINT ended.
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
