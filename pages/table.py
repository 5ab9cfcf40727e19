"""A table of figures."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple


class Cell(NamedTuple):
    """One figure; "" where there is none."""

    text: str
    note: str = ""  # a line below it; text in backticks is code
    title: str = ""  # in full, where ``text`` is shortened


@dataclass(frozen=True)
class Table:
    """Figures by row and column head; the first column names the row."""

    title: str
    legend: str
    rows: tuple[Mapping[str, Cell], ...]
    classes: Mapping[str, str] = field(default_factory=dict)  # of the style sheet, by head

    @property
    def heads(self) -> tuple[str, ...]:
        """The columns in which any row has something."""
        heads = dict.fromkeys(head for row in self.rows for head in row)
        return tuple(head for head in heads if any(any(row[head]) for row in self.rows))
