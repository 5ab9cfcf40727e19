"""``python -m loadtest``: latency tables, questions under load, baselines, reports."""

import os

# gRPC's own handling of a fork aborts one child in ten under gevent; ours start programs at once
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")

import locust  # noqa: F401 - before all others: it patches the standard library for gevent
import typer

from loadtest.commands import COMMANDS
from loadtest.stop import ending


def main() -> None:
    """Run the command that the arguments name."""
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    for command in COMMANDS:
        app.command()(ending(command))
    app()


if __name__ == "__main__":
    main()
