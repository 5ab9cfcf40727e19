"""A batch latency run: every variant at every batch size, in interleaved rounds."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from tokenizers import Tokenizer

from loadtest.batches.accuracy import measure_accuracy
from loadtest.batches.ceiling import find_peak
from loadtest.batches.closed_loop import Budget, measure
from loadtest.batches.flop import ModelShape
from loadtest.batches.inputs import Kind, Rows, make_rows
from loadtest.batches.meter import Meter
from loadtest.batches.rounds import Round, Subject, make_row
from loadtest.batches.triton import ModelInfo, Triton
from loadtest.device import computing_device
from loadtest.errors import LoadTestError
from loadtest.exported import model_name
from loadtest.result import Accuracy, BatchRow, Device, Peak
from loadtest.stop import stoppable
from qa.squad import Example


@dataclass(frozen=True)
class Plan:
    """What to measure, and how."""

    variants: tuple[str, ...]
    batches: tuple[int, ...]
    kind: Kind
    sequence_length: int | None  # None: that of the model
    rounds: int
    clients: int
    budget: Budget
    shape: ModelShape
    tokenizer: Tokenizer
    examples: Sequence[Example]
    dataset: Path
    questions: int  # of the dataset, to measure the accuracy of variants where it is not known
    is_local: bool  # whether Triton computes on this machine

    @property
    def row_rounds(self) -> int:
        """The rounds of all rows."""
        return len(self.variants) * len(self.batches) * self.rounds

    @property
    def longest_seconds(self) -> float:
        """The longest that all of it may take, unless a batch does not end."""
        return self.row_rounds * (self.budget.warmup_seconds + self.budget.seconds)


@dataclass
class Benchmark:
    """A run, and what it has measured so far."""

    plan: Plan
    meter: Meter
    accuracies: dict[str, Accuracy] = field(
        default_factory=dict
    )  # by variant; those known before are not measured
    peaks: dict[str, Peak] = field(default_factory=dict)  # by variant
    rounds: dict[Subject, list[Round]] = field(default_factory=dict)
    device: Device | None = None  # with its clocks in the last round
    devices: dict[str, str] = field(default_factory=dict)  # the name of what computed each variant
    done: int = 0  # rounds of rows

    def run(self, triton: Triton) -> str | None:
        """Measure everything; return why it ended early, or None."""
        rows = cache(self._rows)
        with stoppable() as stop:
            for _ in range(self.plan.rounds):
                for variant in self.plan.variants:
                    with triton.loaded(model_name(variant), max(self.plan.batches)) as model:
                        self._check(model)
                        self._prepare(variant, triton, model)
                        for batch in self.plan.batches:
                            if fault := self._measure(
                                variant, model, batch, rows(model.sequence_length), triton.url
                            ):
                                return fault
        return stop.reason

    def table(self) -> tuple[BatchRow, ...]:
        """Return the rows of which at least one batch was measured."""
        return tuple(
            make_row(
                subject,
                rounds,
                self.plan.shape,
                self.accuracies.get(subject.variant),
                self.peaks.get(subject.variant),
                self.devices.get(subject.variant),
            )
            for subject, rounds in self.rounds.items()
        )

    def _rows(self, sequence_length: int) -> Rows:
        plan = self.plan
        return make_rows(plan.kind, plan.tokenizer, plan.examples, sequence_length)

    def _check(self, model: ModelInfo) -> None:
        wanted, length = self.plan.sequence_length, model.sequence_length
        if wanted not in (None, length):
            raise LoadTestError(
                f"{model.name} takes windows of {length} tokens, not of {wanted}: leave SEQ out, "
                f"or export the model again with --sequence-length {wanted}"
            )
        if (largest := max(self.plan.batches)) > model.max_batch_size:
            raise LoadTestError(
                f"a batch of {largest} is too large for {model.name}, whose max_batch_size is "
                f"{model.max_batch_size}; start Triton with --model-control-mode=explicit, and the "
                "model is loaded with a larger one"
            )

    def _prepare(self, variant: str, triton: Triton, model: ModelInfo) -> None:
        """Measure what is the same in every round, while nothing else computes."""
        plan = self.plan
        if variant not in self.accuracies:
            self._show(f"{variant}: exact match and F1")
            self.accuracies[variant] = measure_accuracy(
                triton, model, plan.tokenizer, plan.examples[: plan.questions], plan.dataset.name
            )
        if plan.is_local and variant not in self.peaks:
            self._show(f"{variant}: the device's peak")
            self.peaks[variant], reason = find_peak(
                variant, computing_device(model.name, on_gpu=model.on_gpu)
            )
            if reason:
                self.meter.say(f"the peak for {variant} was not measured: {reason}")

    def _measure(
        self, variant: str, model: ModelInfo, batch: int, rows: Rows, url: str
    ) -> str | None:
        plan = self.plan
        subject = Subject(variant, batch, model.sequence_length, plan.kind, plan.clients)
        found = measure(
            *(url, model.name, rows, batch, plan.clients, plan.budget),
            lambda share: self._show(f"{variant}, batch {batch}", share),
        )
        self.done += 1
        if plan.is_local and not found.fault:
            self.device = computing_device(model.name, on_gpu=model.on_gpu)
            self.devices[variant] = self.device.name
        if found.latencies:
            self.rounds.setdefault(subject, []).append(found)
        return found.fault

    def _show(self, what: str, share: float = 0.0) -> None:
        self.meter.show(what, (self.done + share) / self.plan.row_rounds)
