"""``python -m loadtest``: latency tables, questions under load, baselines, reports."""

import sys

import locust  # noqa: F401 - the first: it patches the standard library for gevent
import typer

from loadtest.commands import COMMANDS
from loadtest.errors import LoadTestError


def main() -> None:
    """Run the command that the arguments name; an error of ours is one line, and exit code 1."""
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.callback()(lambda: None)  # or a sole command would have no name
    for command in COMMANDS:
        app.command()(command)
    try:
        app()
    except LoadTestError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
