"""``report``: result files as a page with plots."""

from pathlib import Path
from typing import Annotated

import typer

from loadtest.report.page import write_report
from loadtest.result import FOLDER, read_result
from qa.paths import listed


def report(
    files: Annotated[
        list[Path],
        typer.Argument(envvar="FILES", callback=listed, help="result files, of one run or of many"),
    ],
    output: Annotated[
        Path, typer.Option(envvar="OUTPUT", help="folder to write the report to")
    ] = FOLDER / "report",
) -> None:
    """Write a page with the plots and tables of result files, and a PNG of each plot."""
    results = sorted(map(read_result, files), key=lambda each: each.environment.started)
    print(write_report(results, output))
