"""The rows of a question in parts: all of them, few at a time, and none after a failure."""

import asyncio

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from embedded.inference import Logits
from qa.tensors import PADDING_LOGIT, RequestShape
from qa.windows import Rows, WindowOptions, Windows, make_windows
from serving.errors import Unavailable
from serving.parts import IN_FLIGHT, TURN_SECONDS, Pace, infer_in_parts

SLOTS = asyncio.Semaphore(IN_FLIGHT)
TEXT = "The Norman conquest of England was led by William the Conqueror in 1066. "


def windows_of(tokenizer: Tokenizer, sentences: int, doc_stride: int = 64) -> Windows:
    options = WindowOptions(doc_stride=doc_stride)
    return make_windows(*(tokenizer, "Who led it?", TEXT * sentences, options), sequence_length=128)


class Model:
    """Gives each position its token's number as start logit, and twice that as end logit."""

    def __init__(self, fails_at: int | None = None) -> None:
        self.parts: list[tuple[int, int]] = []  # rows, length
        self.in_flight = self.most_in_flight = self.cancelled = 0
        self.fails_at = fails_at

    async def infer(self, rows: Rows) -> Logits:
        self.parts.append((len(rows), rows.input_ids.shape[1]))
        number = len(self.parts)
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            await asyncio.sleep(0)
            if number == self.fails_at:
                raise Unavailable("Triton is gone")
            if self.fails_at:
                await asyncio.sleep(60)  # until it is cancelled
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        finally:
            self.in_flight -= 1
        ids = rows.input_ids.astype(np.float32)
        return Logits(ids, 2 * ids)


@given(
    sentences=st.integers(1, 60),
    doc_stride=st.integers(20, 100),
    multiple=st.sampled_from([1, 16, 64, 128]),
    max_rows=st.integers(1, 40),
    rows=st.floats(0.1, 100),
)
@settings(deadline=None, max_examples=60)
def test_every_row_is_sent_once_and_gets_its_logits(
    tokenizer: Tokenizer,
    sentences: int,
    doc_stride: int,
    multiple: int,
    max_rows: int,
    rows: float,
) -> None:
    windows = windows_of(tokenizer, sentences, doc_stride)
    shape, model = RequestShape(128, multiple, max_rows), Model()
    logits = asyncio.run(infer_in_parts(windows, shape, Pace(rows), SLOTS, model.infer))
    real = windows.attention_mask == 1
    assert np.array_equal(logits.start[real], windows.input_ids[real].astype(np.float32))
    assert np.array_equal(logits.end[real], 2 * logits.start[real])
    assert set(logits.start[~real]) <= {0, PADDING_LOGIT}
    assert sum(number for number, _ in model.parts) == len(windows)
    assert all(number <= max_rows for number, _ in model.parts)
    assert {length for _, length in model.parts} <= {shape.padded(n) for n in range(1, 129)}
    assert model.most_in_flight <= IN_FLIGHT
    if len(model.parts) > 1 and rows >= IN_FLIGHT:  # or the first part is alone
        assert model.most_in_flight == IN_FLIGHT


def test_a_part_that_fails_ends_all(tokenizer: Tokenizer) -> None:
    windows, model = windows_of(tokenizer, 60), Model(fails_at=2)
    with pytest.raises(Unavailable, match="Triton is gone"):
        asyncio.run(infer_in_parts(windows, RequestShape(128, 128, 4), Pace(8), SLOTS, model.infer))
    assert (len(model.parts), model.in_flight, model.cancelled) == (2, 0, 1)


def test_a_request_that_is_cancelled_sends_no_more(tokenizer: Tokenizer) -> None:
    windows, model = windows_of(tokenizer, 60), Model(fails_at=1000)

    async def leave() -> None:
        shape = RequestShape(128, 128, 4)
        asked = asyncio.ensure_future(infer_in_parts(windows, shape, Pace(8), SLOTS, model.infer))
        await asyncio.sleep(0.01)
        asked.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asked
        await asyncio.sleep(0)
        assert (len(model.parts), model.in_flight, model.cancelled) == (2, 0, 2)

    asyncio.run(leave())


@pytest.mark.parametrize(
    ("row_seconds", "rows", "parts"),
    [(0.001, 10, 2), (0.0001, 32, 2), (0.005, 2, 2), (0.015, 1, 1), (1, 1, 1)],
)
@pytest.mark.parametrize("ahead", [0, 7])
def test_a_question_has_its_turn_with_triton(
    row_seconds: float, rows: int, parts: int, ahead: int
) -> None:
    """However many rows of others are ahead."""
    pace, shape = Pace(), RequestShape(384, 64, 32)
    for _ in range(20):
        sent = pace.most(shape)
        pace.learn(ahead + sent, (ahead + sent) * row_seconds)
    assert (abs(pace.most(shape) - rows) <= 1, pace.parts) == (True, parts)
    assert pace.parts * pace.most(shape) * row_seconds <= max(TURN_SECONDS, row_seconds) + 1e-9
