"""The table of the report's page: one row per variant."""

import re
from html import escape

from embedded.report import Report
from export.report.figures import Cell, Column, columns, datasets

_BY = "computed by"  # the head of the column that only the page has room for


def table(report: Report) -> str:
    """Return the table, in which columns that nobody measured are left out."""
    shown = [
        column
        for column in columns(report)
        if column.measured or any(cell.note for cell in column.cells)
    ]
    shown.append(Column(_BY, tuple(Cell(row.computed_by) for row in report.variants.values())))
    heads = "".join(
        f'<th scope="col"{_kind(column)}>{escape(column.head)}</th>' for column in shown
    )
    rows = (
        "<tr>" + "".join(_cell(column, number) for column in shown) + "</tr>"
        for number in range(len(report.variants))
    )
    return (
        f"<section><h2>Every variant</h2>{_legend(report)}"
        f"<table><thead><tr>{heads}</tr></thead><tbody>{''.join(rows)}</tbody></table></section>"
    )


def _legend(report: Report) -> str:
    legend = (
        "Differences are of logits at real tokens. Equal answers are the same characters of the "
        "context as the reference's best answer. Triton is the version of the server that loaded "
        "the variant and answered."
    )
    if dataset := datasets(report):
        legend += f" EM and F1 are SQuAD's, on {dataset}."
    if any(row.speed for row in report.variants.values()):
        legend += " Batch 1 is the median time of a single window."
    return f"<p>{escape(legend)}</p>"


def _kind(column: Column) -> str:
    kinds = {"variant": "words", "Triton": "wraps", "sha256": "digest", _BY: "words"}
    return f' class="{kinds[column.head]}"' if column.head in kinds else ""


def _cell(column: Column, number: int) -> str:
    cell = column.cells[number]
    title = f' title="{escape(cell.title)}"' if cell.title else ""
    note = f'<span class="note">{_prose(cell.note)}</span>' if cell.note else ""
    head = escape(column.head)
    return f'<td data-head="{head}"{_kind(column)}{title}>{escape(cell.text)}{note}</td>'


def _prose(text: str) -> str:
    """Return ``text`` with what stands in backticks set as code."""
    return re.sub("`([^`]+)`", r"<code>\1</code>", escape(text))
