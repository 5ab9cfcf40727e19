"""``python -m loadtest``: latency tables, questions under load, baselines, reports."""

import sys

import locust  # noqa: F401 - before all others: it patches the standard library for gevent
import typer

from loadtest.commands import COMMANDS, command
from loadtest.stop import ending


def main() -> None:
    """Run the command that the arguments name."""
    # with a callback, typer expects the command's name even where it has one command only
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, callback=lambda: None)
    asked = [each for each in COMMANDS if each in sys.argv[1:2]]
    for each in asked or COMMANDS:
        app.command()(ending(command(each)))
    app()


if __name__ == "__main__":
    main()
