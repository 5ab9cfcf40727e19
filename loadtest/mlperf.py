"""MLPerf's rules for BERT-99, LoadGen's summary of a run, and our own verdict on the same run.

The rules themselves (percentiles, seeds, the limit of 130 ms) are read by LoadGen from the
``mlperf.conf`` in its package; here is what a verdict of our own needs of them.
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

ROW = TypeAdapter(LoadGenRow)  # how the process that runs LoadGen hands over what it found


def unofficial(seconds: float, windows: int) -> str | None:
    """Return what keeps a run from MLPerf's rules, as a line to print; None when nothing does."""
    short = []
    if seconds < OFFICIAL_SECONDS:
        short.append(f"{seconds:g} s instead of {OFFICIAL_SECONDS:g}")
    if windows < OFFICIAL_WINDOWS:
        short.append(f"{windows:,} windows instead of {OFFICIAL_WINDOWS:,}")
    return f"not an official run: {' and '.join(short)}" if short else None


def parse_summary(text: str) -> dict[str, str]:
    """Return the lines of ``mlperf_log_summary.txt`` that say something, by what they say it of.

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
    """Whether a run holds MLPerf's rules by our own samples (ms), of ``elapsed`` seconds.

    It does when it took the time that it had to, and in the Server scenario the 99th percentile
    is within 130 ms. LoadGen asks for more there: so many queries that the percentile holds with
    a confidence of 99 % (its "early stopping").
    """
    if not latencies or elapsed < least_seconds:
        return False
    return scenario != "Server" or summarize(latencies).p99 <= SERVER_P99_MS
