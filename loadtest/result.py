"""The result of a run, and its file: what was measured, and where, when and how.

``docs/results.schema.json`` is made from these classes. Times are in ms unless the name says
otherwise. Every sample is kept, so that anyone can check a percentile.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from pydantic import TypeAdapter, ValidationError

from loadtest.errors import LoadTestError

SCHEMA_VERSION = 1
FOLDER = Path("results")


@dataclass(frozen=True)
class Device:
    """What the model ran on."""

    kind: Literal["cpu", "gpu"]
    name: str
    count: int  # cores that may be used, or GPUs
    memory_bytes: int
    driver: str | None = None
    clocks_mhz: Mapping[str, int] = field(default_factory=dict)  # a GPU's "sm" and "memory"


@dataclass(frozen=True)
class Environment:
    """Where, when and how a run was made."""

    device: Device
    versions: Mapping[str, str]  # by package, Triton's among them
    command: tuple[str, ...]
    commit: str | None  # ends with "-dirty" where a tracked file was changed
    started: str  # ISO 8601, UTC
    load_average: float  # of the machine in the minute before: other work is noise


@dataclass(frozen=True)
class Accuracy:
    """Exact match and F1 in percent, and where they come from."""

    exact_match: float
    f1: float
    questions: int
    source: str


@dataclass(frozen=True)
class TritonSplit:
    """Where a request's time goes in Triton, mean ms per request, by its own statistics."""

    queue: float
    compute_input: float
    compute_infer: float
    compute_output: float


@dataclass(frozen=True)
class Peak:
    """The peak of the device, in TFLOP/s, in the precision of a variant."""

    precision: str
    measured: float | None  # by a matrix multiplication in the same run
    datasheet: float | None = None  # dense; None for a GPU that is not known


@dataclass(frozen=True)
class BatchRow:
    """One row of the batch latency table: a variant at a batch size."""

    variant: str
    batch: int
    sequence_length: int
    input: Literal["padded", "squad"]
    clients: int
    rounds: tuple[tuple[float, ...], ...]  # ms of every measured batch, by round
    seconds: float  # elapsed while they were measured, over all rounds
    warmup_batches: int
    settled: bool  # whether latency had settled when the warm-up ended
    real_tokens: int  # tokens that are not padding, in the measured batches
    flop: float  # floating-point operations that these tokens need
    split: TritonSplit | None
    accuracy: Accuracy | None
    peak: Peak | None
    # the device that computed the row; None on another machine, and in older results
    device: str | None = None

    @property
    def samples(self) -> tuple[float, ...]:
        """The latencies of all rounds, ms."""
        return tuple(sample for each in self.rounds for sample in each)

    @property
    def throughput(self) -> float:
        """Windows per second."""
        return len(self.samples) * self.batch / self.seconds

    @property
    def tflops(self) -> float:
        """TFLOP/s, counted for real tokens."""
        return self.flop / self.seconds / 1e12


@dataclass(frozen=True)
class LoadRow:
    """Questions under load: one level, held until steady and then measured."""

    system: str  # "gateway onnx_int8", "transformers pipeline"
    route: str  # "/answer", "/"
    loop: Literal["closed", "open"]
    level: float  # users of a closed loop; intended arrivals per second of an open one
    round: int  # of interleaved runs, from 0
    seconds: float  # elapsed while this was measured
    settled: bool
    latencies: tuple[float, ...]  # ms of each right answer; open: from the intended send time
    context_characters: tuple[int, ...]  # of the same requests
    failures: Mapping[str, int]  # by kind: "429", "503", "504", "transport"
    wrong: int  # replies that are not the known answer
    stages: Mapping[str, float]  # mean ms by stage of Server-Timing: tokenize, queue, infer, ...
    send_delay: float  # ms, 99th percentile: how late the client itself sent
    padding_ratio: float | None = None  # padding over all tokens, by the gateway's metrics
    mean_batch: float | None = None  # windows per execution, by Triton's statistics

    @property
    def throughput(self) -> float:
        """Right answers per second."""
        return len(self.latencies) / self.seconds


@dataclass(frozen=True)
class Slo:
    """The highest rate whose 99th percentile holds."""

    p99_ms: float
    rate: float  # arrivals per second that held, confirmed; 0 when none did
    goodput: float  # right answers within the limit per second, at that rate
    offline_rate: float  # answers per second of the saturated closed loop, in the same run


@dataclass(frozen=True)
class LoadGenRow:
    """One scenario of MLPerf's LoadGen: its verdict beside our own samples."""

    scenario: Literal["SingleStream", "Offline", "Server"]
    variant: str
    valid: bool  # LoadGen's own verdict
    summary: Mapping[str, str]  # LoadGen's own lines
    latencies: tuple[float, ...]  # ms, ours, of each window
    seconds: float  # elapsed, ours
    target: float | None  # queries per second (Server), samples per second (Offline)
    ours: bool  # our verdict by our samples


@dataclass(frozen=True)
class Result:
    """All that one run measured."""

    name: str
    environment: Environment
    checkpoint: str  # its name, which contains "random" where the weights are random
    dataset: str | None = None  # file name, and the questions or windows taken from it
    batches: tuple[BatchRow, ...] = ()
    loads: tuple[LoadRow, ...] = ()
    slo: Slo | None = None
    loadgen: tuple[LoadGenRow, ...] = ()
    accuracies: Mapping[str, Accuracy] = field(default_factory=dict)  # by system
    partial: str | None = None  # why the run ended early
    schema_version: int = SCHEMA_VERSION


SCHEMA = TypeAdapter(Result)


def write_result(result: Result, folder: Path = FOLDER) -> Path:
    """Write ``<date>-<device>-<name>.json`` to ``folder``, and return its path."""
    folder.mkdir(parents=True, exist_ok=True)
    when = re.sub(r"[^0-9T]", "", result.environment.started)[:15]
    device = re.sub(r"[^a-z0-9]+", "-", result.environment.device.name.lower()).strip("-")
    path = folder / f"{when}-{device}-{result.name}.json"
    path.write_bytes(SCHEMA.dump_json(result, indent=1) + b"\n")
    return path


def read_result(path: Path) -> Result:
    """Read a result file.

    Raises LoadTestError when it cannot be read, or has another version of the schema.
    """
    try:
        result = SCHEMA.validate_json(path.read_bytes())
    except OSError as error:
        raise LoadTestError(f"{path} cannot be read: {error.strerror}") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "it"
        raise LoadTestError(f"{path} is not a result: {where}: {first['msg']}") from error
    if result.schema_version != SCHEMA_VERSION:
        raise LoadTestError(
            f"{path} has version {result.schema_version} of the schema, not {SCHEMA_VERSION}: "
            "another version of this project wrote it"
        )
    return result
