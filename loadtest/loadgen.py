"""``python -m loadtest.loadgen``: MLPerf's LoadGen drives a model of a Triton over gRPC.

It is a process of its own, without Locust and gevent, as LoadGen calls it from threads of C++. One
window is one query sample. Each run appends a ``LoadGenRow`` to a file, as a line of JSON.
"""

import itertools
import os
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any, NoReturn

import grpc
import mlperf_loadgen
import numpy as np
import typer

from embedded.inference import make_request
from embedded.report import TOKENIZER
from loadtest.batches.inputs import Rows, make_rows, read_examples, read_tokenizer
from loadtest.batches.server import connected
from loadtest.batches.triton import Triton
from loadtest.exported import PREFIX
from loadtest.mlperf import (
    OFFICIAL_SECONDS,
    ROW,
    SCENARIOS,
    Scenario,
    parse_summary,
    unofficial,
    verdict,
)
from loadtest.result import LoadGenRow
from loadtest.stop import ending
from loadtest.warm_up import has_settled

BATCH = 32  # windows in a request of Offline; Triton joins requests that wait
#: Requests at a time. Triton's queue holds 1,024.
IN_FLIGHT = {"SingleStream": 1, "Offline": 2, "Server": 1024}
WARM_UP_SECONDS = 10.0  # at most, with batches, and again with single windows
TRIES = (0.8, 0.65, 0.5, 0.35, 0.2)  # shares of the offline rate, until one holds
TRY_SECONDS = 20.0  # the share that holds then runs for the whole time
RULES_OF_LOADGEN = 0  # FromConfig's conf_type: the mlperf.conf in the package, and no other file


@dataclass
class Subject:
    """The system under test, and the times of its answers."""

    bench: "Bench"
    slots: threading.Semaphore
    latencies: list[float] = field(default_factory=list)  # ms
    begun: float = 0.0
    ended: float = 0.0

    def issue(self, samples: Sequence[Any]) -> None:
        """Send the samples of a query; LoadGen's timer for them has started."""
        issued = time.perf_counter()
        self.begun = self.begun or issued
        bench = self.bench
        for first in range(0, len(samples), bench.batch):
            chosen = samples[first : first + bench.batch]
            rows = bench.windows.take(np.array([sample.index for sample in chosen]))
            self.slots.acquire()
            reply = bench.triton.begin(make_request(bench.model, rows))
            reply.add_done_callback(
                partial(self._complete, [sample.id for sample in chosen], issued)
            )

    def _complete(self, ids: Sequence[int], issued: float, reply: grpc.Future) -> None:
        self.ended = time.perf_counter()
        self.slots.release()
        if (error := reply.exception()) is not None:
            _end(f"{self.bench.model} failed on {len(ids)} windows: {error.details()}")
        self.latencies += [1000 * (self.ended - issued)] * len(ids)
        mlperf_loadgen.QuerySamplesComplete(
            [mlperf_loadgen.QuerySampleResponse(each, 0, 0) for each in ids]
        )


def _end(message: str) -> NoReturn:
    """End this process: LoadGen, which waits for every sample, cannot be told to stop."""
    print(f"error: {message}", file=sys.stderr, flush=True)
    os._exit(1)


@dataclass(frozen=True)
class Speed:
    """The speed that LoadGen has to be told beforehand, from the warm-up."""

    rate: float  # windows per second, in batches
    latency: float  # seconds of a single window


@dataclass(frozen=True)
class Bench:
    """What every run shares."""

    triton: Triton
    model: str
    windows: Rows
    batch: int  # windows of one request
    folder: Path  # LoadGen's logs

    def warm_up(self) -> Speed:
        """Compute batches and single windows until their times have settled."""
        return Speed(self.batch / self._settled(self.batch), self._settled(1))

    def _settled(self, size: int) -> float:
        seconds: list[float] = []
        batches = itertools.cycle(self.windows.batches(size))
        while not has_settled(seconds) and sum(seconds) < WARM_UP_SECONDS:
            request = make_request(self.model, next(batches))
            started = time.perf_counter()
            self.triton.infer(request)
            seconds.append(time.perf_counter() - started)
        return min(seconds)

    def run(self, scenario: Scenario, seconds: float, speed: Speed) -> LoadGenRow:
        """Run LoadGen once, and return its verdict beside ours."""
        subject = Subject(self, threading.Semaphore(IN_FLIGHT[scenario]))
        count = len(self.windows)
        settings = make_settings(scenario, seconds, count, speed)
        summary = parse_summary(_start(subject, count, settings))
        elapsed = subject.ended - subject.begun
        return LoadGenRow(
            scenario=scenario,
            variant=self.model.removeprefix(PREFIX),
            valid=summary.get("Result is") == "VALID",
            summary=summary,
            latencies=tuple(subject.latencies),
            seconds=elapsed,
            target=None if scenario == "SingleStream" else speed.rate,
            ours=verdict(scenario, subject.latencies, elapsed=elapsed, least_seconds=seconds),
        )


def _start(subject: Subject, count: int, settings: Any) -> str:
    """Run LoadGen with ``count`` samples, and return its summary."""
    with tempfile.TemporaryDirectory(dir=subject.bench.folder) as folder:
        logs = mlperf_loadgen.LogSettings()
        logs.log_output.outdir = folder
        logs.log_output.copy_summary_to_stdout = False
        tested = mlperf_loadgen.ConstructSUT(subject.issue, lambda: None)
        library = mlperf_loadgen.ConstructQSL(count, count, lambda _: None, lambda _: None)
        mlperf_loadgen.StartTestWithLogSettings(tested, library, settings, logs)
        mlperf_loadgen.DestroyQSL(library)
        mlperf_loadgen.DestroySUT(tested)
        return Path(folder, "mlperf_log_summary.txt").read_text()


def make_settings(scenario: Scenario, seconds: float, windows: int, speed: Speed) -> Any:
    """Return LoadGen's settings: MLPerf's for BERT, run for ``seconds``.

    The rate of ``speed`` is what LoadGen sends (Server) or expects (Offline).
    """
    settings = mlperf_loadgen.TestSettings()
    settings.FromConfig("", "bert", scenario, RULES_OF_LOADGEN)
    settings.scenario = getattr(mlperf_loadgen.TestScenario, scenario)
    settings.mode = mlperf_loadgen.TestMode.PerformanceOnly
    settings.min_duration_ms = round(1000 * seconds)
    settings.performance_sample_count_override = windows
    if unofficial(seconds, windows):
        settings.min_query_count = 1  # the time alone decides how many
    settings.server_target_qps = settings.offline_expected_qps = speed.rate
    settings.single_stream_expected_latency_ns = round(1e9 * speed.latency)
    return settings


def run_all(
    bench: Bench, scenarios: Sequence[Scenario], seconds: float, target: float | None
) -> Iterator[LoadGenRow]:
    """Run the scenarios; Server at ``target`` windows/s, or at the first of TRIES that holds."""
    speed = bench.warm_up()
    for scenario in SCENARIOS:
        if scenario not in scenarios:
            continue
        if scenario != "Server":
            yield (row := bench.run(scenario, seconds, speed))
            if scenario == "Offline":
                speed = replace(speed, rate=len(row.latencies) / row.seconds)
        elif target is not None:
            yield bench.run(scenario, seconds, replace(speed, rate=target))
        else:
            yield from _find_target(bench, seconds, speed)


def _find_target(bench: Bench, seconds: float, offline: Speed) -> Iterator[LoadGenRow]:
    """Run Server at ever smaller shares of the offline rate, until the limit holds."""
    for share in TRIES:
        speed = replace(offline, rate=share * offline.rate)
        yield (row := bench.run("Server", min(seconds, TRY_SECONDS), speed))
        if row.ours and seconds > TRY_SECONDS:
            yield (row := bench.run("Server", seconds, speed))
        if row.ours:
            return


def open_bench(triton: Triton, model: str, dataset: Path, tokenizer: Path, folder: Path) -> Bench:
    """Return ``model`` with all windows of ``dataset``.

    Raises LoadTestError when Triton lacks the model, or the windows cannot be made.
    """
    info = triton.info(model)
    windows = make_rows(
        "squad", read_tokenizer(tokenizer), read_examples(dataset), info.sequence_length
    )
    return Bench(triton, model, windows, min(BATCH, info.max_batch_size, len(windows)), folder)


def main(
    model: Annotated[str, typer.Option(help="its name in Triton")],
    dataset: Annotated[Path, typer.Option(help="SQuAD file, all of whose windows are samples")],
    repository: Annotated[Path, typer.Option(help="folder of the tokenizer and the models")],
    output: Annotated[Path, typer.Option(help="file that rows are appended to, as lines of JSON")],
    scenarios: Annotated[str, typer.Option(help="MLPerf's names of them")] = " ".join(SCENARIOS),
    seconds: Annotated[float, typer.Option(help="least seconds of a run")] = OFFICIAL_SECONDS,
    target: Annotated[float | None, typer.Option(help="windows/s of Server")] = None,
    url: Annotated[str | None, typer.Option(help="a running Triton, host:port of gRPC")] = None,
) -> None:
    """Run MLPerf's scenarios."""
    chosen = [each for each in SCENARIOS if each in scenarios.split()]
    with connected(url, repository, [model]) as triton, triton.loaded(model):
        bench = open_bench(triton, model, dataset, repository / TOKENIZER, output.parent)
        for row in run_all(bench, chosen, seconds, target):
            with output.open("ab") as file:
                file.write(ROW.dump_json(row) + b"\n")


if __name__ == "__main__":
    typer.run(ending(main))
