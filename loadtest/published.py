"""NVIDIA's published latencies of ELECTRA, read from ``published.toml``."""

import tomllib
from dataclasses import dataclass
from pathlib import Path

from loadtest.samples import NvidiaReading

FILE = Path(__file__).with_name("published.toml")


@dataclass(frozen=True)
class PublishedRow:
    """One row of a table of NVIDIA's: windows per second, and ms per batch."""

    batch: int
    throughput: float
    reading: NvidiaReading


@dataclass(frozen=True)
class PublishedTable:
    """NVIDIA's figures for one device in one precision."""

    device: str
    precision: str
    rows: tuple[PublishedRow, ...]
    never_published: tuple[int, ...]  # batch sizes that only other tables have

    def row(self, batch: int) -> PublishedRow | None:
        """Return the row of ``batch``; None where there is none."""
        return next((row for row in self.rows if row.batch == batch), None)


@dataclass(frozen=True)
class Published:
    """All tables, and what they were measured with."""

    source: str
    url: str
    container: str
    model: str
    layers: int
    hidden: int
    dataset: str
    sequence_length: int
    tables: tuple[PublishedTable, ...]


def read_published(path: Path = FILE) -> Published:
    """Read NVIDIA's figures."""
    values = tomllib.loads(path.read_text())
    tables = tuple(
        PublishedTable(
            device=table["device"],
            precision=table["precision"],
            rows=tuple(_row(dict(row)) for row in table["rows"]),
            never_published=tuple(table["never_published"]),
        )
        for table in values.pop("tables")
    )
    return Published(**values, tables=tables)


def _row(values: dict[str, float]) -> PublishedRow:
    batch, throughput = int(values.pop("batch")), values.pop("throughput")
    return PublishedRow(batch, throughput, NvidiaReading(**values))
