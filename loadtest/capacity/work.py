"""What questions cost: their windows, the time of a batch, and what an answer takes around it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

import numpy as np
from tokenizers import Tokenizer

from loadtest.batches.inputs import read_examples
from loadtest.errors import LoadTestError
from loadtest.published import PublishedTable
from loadtest.result import BatchRow, LoadRow
from qa.tensors import RequestShape
from qa.windows import make_windows

LEAST_AROUND = 0.0005  # s; noise between the two runs can make the difference negative


@dataclass(frozen=True)
class QuestionCost:
    """The windows of a question."""

    windows: int
    tokens: int  # computed in all windows
    longest: int  # tokens of the longest window


@dataclass(frozen=True)
class BatchTime:
    """The seconds that a device takes for a batch, linear in its tokens."""

    fixed: float
    per_token: float

    def seconds(self, tokens: float) -> float:
        """Return the time of a batch of ``tokens``."""
        return self.fixed + self.per_token * tokens


@dataclass(frozen=True)
class Work:
    """All the time that an answer takes."""

    batch: BatchTime
    around: float  # s of an answer outside its batch: HTTP, tokenizer, gRPC, the client
    taken: float = 0.0  # s of this that the device loses, where both share its cores


def read_work(
    batches: Sequence[BatchRow], alone: LoadRow, questions: Sequence[QuestionCost]
) -> Work:
    """Return the costs from measured batches of a variant, and from a user who asked alone.

    The time around the batch is how much longer that user waited than a batch of one mean question
    takes. All of it is work of some core, as nothing else was under way.
    """
    batch = fit_batches(batches)
    tokens = fmean(each.tokens for each in questions)
    around = fmean(alone.latencies) / 1000 - batch.seconds(tokens)
    return Work(batch, max(LEAST_AROUND, around))


def fit_batches(rows: Sequence[BatchRow]) -> BatchTime:
    """Fit the line by least squares of relative errors, so that small batches count as much.

    Raises LoadTestError for fewer than two sizes.
    """
    if len({row.batch for row in rows}) < 2:
        raise LoadTestError("batch times need two sizes or more; measure BATCHES='1 8 32'")
    tokens = np.array([row.real_tokens / len(row.samples) for row in rows])
    seconds = np.array([fmean(row.samples) / 1000 for row in rows])
    terms = np.stack([np.ones_like(tokens), tokens], axis=1) / seconds[:, None]
    (fixed, per_token), *_ = np.linalg.lstsq(terms, np.ones_like(tokens), rcond=None)
    return BatchTime(max(0.0, float(fixed)), float(per_token))


def published_batches(table: PublishedTable, sequence_length: int) -> BatchTime:
    """Return the line through the smallest and the largest batch that NVIDIA published.

    All tokens of a window count, as NVIDIA computes the padding.
    """
    first, *_, last = sorted(table.rows, key=lambda row: row.batch)
    rise = (last.batch / last.throughput - first.batch / first.throughput) / (
        last.batch - first.batch
    )
    return BatchTime(first.batch / first.throughput - rise * first.batch, rise / sequence_length)


def read_work_questions(
    path: Path, tokenizer: Tokenizer, sequence_length: int
) -> list[QuestionCost]:
    """Return the windows and tokens of each question of a SQuAD file."""
    return [
        QuestionCost(len(windows), int(windows.row_lengths.sum()), int(windows.row_lengths.max()))
        for each in read_examples(path)
        for windows in [
            make_windows(tokenizer, each.question, each.context, sequence_length=sequence_length)
        ]
    ]


def padded(questions: Sequence[QuestionCost], shape: RequestShape) -> list[QuestionCost]:
    """Return the questions as a native backend computes them, padding included."""
    return [
        QuestionCost(each.windows, each.windows * shape.padded(each.longest), each.longest)
        for each in questions
    ]
