"""MLPerf's rules for BERT-99, LoadGen's summary of a run, and our own verdict on the same run.

LoadGen itself reads the rules (percentiles, seeds, the limit of 130 ms) from the ``mlperf.conf``
in its package. Here are only those that our own verdict needs.
"""

from collections.abc import Sequence
from typing import Literal

from pydantic import TypeAdapter

from loadtest.result import LoadGenRow
from loadtest.samples import summarize

Scenario = Literal["SingleStream", "Offline", "Server"]
SCENARIOS: tuple[Scenario, ...] = ("SingleStream", "Offline", "Server")

OFFICIAL_SECONDS = 600.0
OFFICIAL_WINDOWS = 10_833  # of SQuAD's dev-v1.1, at 384 tokens with a step of 128
SERVER_P99_MS = 130.0

ROW = TypeAdapter(LoadGenRow)  # how the process that runs LoadGen hands over its rows


def unofficial(seconds: float, windows: int) -> str | None:
    """Return the line that says why a run is not official; None when it may be."""
    short = []
    if seconds < OFFICIAL_SECONDS:
        short.append(f"{seconds:g} s instead of {OFFICIAL_SECONDS:g}")
    if windows < OFFICIAL_WINDOWS:
        short.append(f"{windows:,} windows instead of {OFFICIAL_WINDOWS:,}")
    return f"not an official run: {' and '.join(short)}" if short else None


def parse_summary(text: str) -> dict[str, str]:
    """Return the values of ``mlperf_log_summary.txt`` by name.

    ``Result is : VALID`` becomes ``{"Result is": "VALID"}``.
    """
    lines = (line.strip(" *").partition(":") for line in text.splitlines())
    return {name.strip(): value.strip() for name, found, value in lines if found and value.strip()}


def verdict(
    scenario: Scenario,
    latencies: Sequence[float],
    *,
    elapsed: float,
    least_seconds: float,
) -> bool:
    """Whether a run of ``elapsed`` seconds is valid by our own samples (ms).

    It is when it took ``least_seconds`` or more and, in the Server scenario, its 99th percentile
    is at most 130 ms. LoadGen is stricter there: it asks for enough queries to be 99 % sure of the
    percentile (its "early stopping").
    """
    if not latencies or elapsed < least_seconds:
        return False
    return scenario != "Server" or summarize(latencies).p99 <= SERVER_P99_MS
