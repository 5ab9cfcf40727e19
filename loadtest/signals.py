"""Ctrl-C and SIGTERM under gevent: both interrupt the command, so that it keeps what it has."""

import signal

import gevent

INTERRUPTED = "interrupted"  # why a result is partial


def interrupt_me() -> None:
    """Have both raise KeyboardInterrupt in the greenlet that calls this, and nowhere else.

    As Python delivers them they would be raised in whichever greenlet runs, and gevent would
    print them on the way.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        gevent.signal_handler(number, gevent.kill, gevent.getcurrent(), KeyboardInterrupt)
