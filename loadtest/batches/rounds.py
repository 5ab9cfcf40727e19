"""The rounds of a row of the batch latency table, and the row made from them."""

from collections.abc import Sequence
from dataclasses import dataclass

from loadtest.batches.flop import ModelShape, windows_flop
from loadtest.batches.inputs import Kind
from loadtest.result import Accuracy, BatchRow, Peak, TritonSplit


@dataclass(frozen=True)
class Round:
    """What one round of a row measured."""

    latencies: tuple[float, ...]  # ms of each batch
    seconds: float  # from the start of the first batch to the end of the last
    warmup_batches: int
    settled: bool
    lengths: tuple[int, ...]  # real tokens of each measured window
    split: TritonSplit | None
    fault: str | None  # why the round ended early


@dataclass(frozen=True)
class Subject:
    """What the rounds of a row have in common."""

    variant: str
    batch: int
    sequence_length: int
    input: Kind
    clients: int


def make_row(
    subject: Subject,
    rounds: Sequence[Round],
    shape: ModelShape,
    accuracy: Accuracy | None,
    peak: Peak | None,
    device: str | None = None,
) -> BatchRow:
    """Return the row of ``rounds``, each with at least one measured batch."""
    return BatchRow(
        **vars(subject),
        rounds=tuple(each.latencies for each in rounds),
        seconds=sum(each.seconds for each in rounds),
        warmup_batches=sum(each.warmup_batches for each in rounds),
        settled=all(each.settled for each in rounds),
        real_tokens=sum(sum(each.lengths) for each in rounds),
        flop=float(sum(windows_flop(shape, each.lengths) for each in rounds)),
        split=_mean_split([each for each in rounds if each.split]),
        accuracy=accuracy,
        peak=peak,
        device=device,
    )


def _mean_split(rounds: Sequence[Round]) -> TritonSplit | None:
    """Return the mean split of the rounds, weighted by their batches."""
    total = sum(len(each.latencies) for each in rounds)
    if not total:
        return None
    sums = dict.fromkeys(TritonSplit.__dataclass_fields__, 0.0)
    for each in rounds:
        for name, value in vars(each.split).items():
            sums[name] += value * len(each.latencies) / total
    return TritonSplit(**sums)
