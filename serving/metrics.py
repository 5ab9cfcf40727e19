"""The metrics; their names follow Prometheus's conventions (base units, _total, one prefix)."""

import os
from functools import partial
from pathlib import Path

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    generate_latest,
    multiprocess,
    values,
)

from qa.tensors import RequestShape
from qa.windows import Windows
from serving.trace import Trace

# every millisecond up to 10: an answer to a short question takes a few
SECONDS = (
    *(0.001, 0.002, 0.003, 0.004, 0.005, 0.006, 0.007, 0.008, 0.009, 0.01, 0.012, 0.015),
    *(0.02, 0.025, 0.03, 0.04, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5, 0.75, 1, 2, 5, 10, 30),
)
WINDOWS = (1, 2, 3, 4, 6, 8, 12, 16, 32, 64, 128, 256, 512)
SHARES = tuple(tenth / 10 for tenth in range(1, 11))
UNKNOWN_SHARES = (0, 0.01, 0.02, 0.05, *SHARES)  # English has hardly any

SHARED = "PROMETHEUS_MULTIPROC_DIR"  # prometheus_client's own name for it


def share(folder: Path) -> None:
    """Keep the counts of this process and its children in ``folder``, where they are summed."""
    os.environ[SHARED] = str(folder)
    # prometheus_client chose when it was imported, before there was a folder
    values.ValueClass = values.get_value_class()  # type: ignore[no-untyped-call]


class Metrics:
    """The metrics of one process, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        counter = partial(Counter, registry=self.registry)
        histogram = partial(Histogram, registry=self.registry)
        gauge = partial(Gauge, registry=self.registry, multiprocess_mode="livesum")
        self._requests = counter(
            "electra_qa_requests",
            "Requests by route and status; 499: the client left before the reply",
            ["route", "method", "code"],
        )
        self._seconds = histogram(
            "electra_qa_request_duration_seconds",
            "From a request's first byte to its reply",
            ["route"],
            buckets=SECONDS,
        )
        self._stages = histogram(
            "electra_qa_stage_duration_seconds",
            "Stages of answering: tokenize, queue (for a thread), infer (all of the call to "
            "Triton), decode",
            ["stage"],
            buckets=SECONDS,
        )
        self._windows = histogram(
            "electra_qa_question_windows", "Windows of a question", buckets=WINDOWS
        )
        self._padding = histogram(
            "electra_qa_question_padding_ratio",
            "Padding in a question's windows, as a share of all their positions",
            buckets=SHARES,
        )
        self._unknown = histogram(
            "electra_qa_question_unknown_ratio",
            "Tokens that the vocabulary does not have, as a share of those of a question and its "
            "context",
            buckets=UNKNOWN_SHARES,
        )
        self._tokens = counter("electra_qa_tokens", "Tokens in windows, without padding")
        self._positions = counter(
            "electra_qa_positions", "Tokens in windows, with the padding that is sent to Triton"
        )
        self._rejections = counter(
            "electra_qa_rejections",
            "Requests, and pairs of a request, that got an error, by its type",
            ["reason"],
        )
        self.triton_restarts = counter(
            "electra_qa_triton_restarts",
            "Times that the embedded Triton had died and was started again",
        )
        self.requests_in_flight = gauge("electra_qa_requests_in_flight", "Requests being answered")
        self.windows_in_flight = gauge(
            "electra_qa_windows_in_flight",
            "Windows admitted and not yet answered, in part estimated",
        )

    def text(self) -> bytes:
        """Return the metrics in Prometheus's text format, summed over all processes."""
        folder = os.environ.get(SHARED)
        if folder is None:
            return generate_latest(self.registry)
        _bury(Path(folder))
        summed = CollectorRegistry()
        multiprocess.MultiProcessCollector(summed, folder)  # type: ignore[no-untyped-call]
        return generate_latest(summed)

    def observe_request(self, route: str, method: str, code: int, trace: Trace) -> None:
        """Count a request that has had its reply."""
        self._requests.labels(route, method, code).inc()
        self._seconds.labels(route).observe(trace.total)
        for stage, seconds in trace.stages.items():
            self._stages.labels(stage).observe(seconds)
        if trace.refused:
            self._rejections.labels(trace.refused).inc()

    def observe_error(self, reason: str) -> None:
        """Count an error that is not a request's reply: that of a pair, or of a connection."""
        self._rejections.labels(reason).inc()

    def observe_windows(self, windows: Windows, shape: RequestShape) -> None:
        """Count what is about to be sent to Triton, padded as ``shape`` says."""
        lengths = windows.row_lengths.tolist()
        tokens, positions = sum(lengths), sum(map(shape.padded, lengths))
        self._windows.observe(len(windows))
        self._unknown.observe(windows.unknown / windows.tokens)
        self._tokens.inc(tokens)
        self._positions.inc(positions)
        self._padding.observe(1 - tokens / positions)


def _bury(folder: Path) -> None:
    """Forget what dead workers had in flight; what they counted stays."""
    for file in folder.glob("gauge_live*_*.db"):
        pid = file.stem.rpartition("_")[2]
        if not Path("/proc", pid).exists():
            file.unlink(missing_ok=True)
