from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from qa.spans import SpanOptions
from qa.windows import WindowOptions, make_windows
from serving.admission import LEAST_SHARE, UNMEASURED_SHARE, Admission, Ticket
from serving.errors import Overloaded
from serving.query import Query


class Clock:
    """A clock that the test sets."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@contextmanager
def admitted(admission: Admission, windows: int) -> Iterator[Ticket]:
    """An answered request that had as many windows as were estimated."""
    with admission.admit(windows) as ticket:
        ticket.correct(windows, windows)
        yield ticket
        with ticket.computing(ticket.known):
            pass


def test_the_bound_is_kept_and_room_comes_back() -> None:
    admission = Admission(10, 60)
    with admission.admit(6), admission.admit(4):
        assert admission.in_flight == 10
        with pytest.raises(Overloaded, match="10 windows are in flight, and with about 1 of this"):
            admission.admit(1).__enter__()
    assert admission.in_flight == 0
    with admission.admit(10):
        pass


def test_a_failure_gives_its_room_back() -> None:
    admission = Admission(10, 60)
    with pytest.raises(ZeroDivisionError), admission.admit(10):
        raise ZeroDivisionError
    assert admission.in_flight == 0


def test_one_alone_is_let_in_whatever_its_size() -> None:
    admission = Admission(10, 60)
    with admission.admit(500), pytest.raises(Overloaded):
        admission.admit(1).__enter__()


def test_the_truth_replaces_the_estimate() -> None:
    admission = Admission(10, 60)
    with admission.admit(2) as ticket:
        ticket.correct(2, 9)
        assert admission.in_flight == 9
        with pytest.raises(Overloaded):
            admission.admit(2).__enter__()
        ticket.correct(9, 1)
        with admission.admit(9):
            assert admission.in_flight == 10


def test_retry_after_is_of_the_measured_rate() -> None:
    """20 windows drained in 4 s: 5 a second."""
    clock = Clock()
    admission = Admission(100, 1000, clock=clock)
    assert admission.retry_after(50) == 1  # nothing is known yet
    with admitted(admission, 100) as ticket:
        for _ in range(4):
            ticket.correct(5, 0)
            clock.now += 1
            with admitted(admission, 5):
                pass
        ticket.correct(0, 20)
        with pytest.raises(Overloaded) as refused:
            admission.admit(32).__enter__()
        assert refused.value.retry_after == 7  # 32 / 5, rounded up
        assert admission.retry_after(1) == 1
        assert admission.retry_after(10_000) == 60  # no longer than a minute
        clock.now += 20  # nothing was drained meanwhile: 5 windows at most in 10 s
        assert admission.retry_after(10) == 20


def test_idle_times_do_not_count() -> None:
    clock = Clock()
    admission = Admission(100, 60, clock=clock)
    for _ in range(3):
        with admitted(admission, 50):
            clock.now += 5  # 10 a second
        clock.now += 3600
    with admitted(admission, 90):
        with admitted(admission, 10):
            clock.now += 1
        assert admission.retry_after(40) == 4


def test_the_wait_is_bounded_once_the_rate_is_known() -> None:
    """At 10 windows a second, 5 may be ahead; failures drain nothing."""
    clock = Clock()
    admission = Admission(1000, 0.5, clock=clock)
    with admission.admit(40), admission.admit(1):
        pass  # nothing is known yet
    clock = Clock()
    admission = Admission(1000, 0.5, clock=clock)
    with admitted(admission, 10):
        clock.now += 1
    with pytest.raises(ZeroDivisionError), admission.admit(900):
        raise ZeroDivisionError
    with admission.admit(5) as one, admission.admit(20) as other:
        with admission.admit(9):
            pass  # both may be refused yet, and are nothing to wait for
        one.correct(5, 5)
        other.correct(20, 20)
        with pytest.raises(Overloaded, match="14 windows are ahead of this request") as refused:
            admission.admit(9).__enter__()  # 5 of the one, 9 of the other
        assert refused.value.retry_after == 1
    with admission.admit(100):  # alone
        pass


def test_a_long_text_is_not_waited_for_to_its_end() -> None:
    """At 10 windows a second, a short question waits for what is sent of a long text."""
    clock = Clock()
    admission = Admission(1000, 0.5, clock=clock)
    with admitted(admission, 10):
        clock.now += 1
    with admitted(admission, 500) as long:
        with long.computing(4), admission.admit(1):
            clock.now += 0.4
        with long.computing(6), pytest.raises(Overloaded, match="6 windows are ahead"):
            admission.admit(1).__enter__()
        clock.now += 0.6
        with pytest.raises(Overloaded, match="490 windows are ahead"):
            admission.admit(500).__enter__()  # another one would take turns with it all along
        with admission.admit(1):
            pass


def test_a_request_leaves_most_of_the_allowed_wait_to_others() -> None:
    """At 100 windows a second, a quarter of 2 s is 50; slower, there are 2 at least."""
    clock = Clock()
    admission = Admission(1000, 2, clock=clock)
    with admission.admit(1) as first:
        assert first.slots._value == UNMEASURED_SHARE
    with admitted(admission, 100):
        clock.now += 1
    with admission.admit(128) as many:
        assert many.slots._value == 50
    with admitted(admission, 1):
        clock.now += 1000
    with admission.admit(128) as slow:
        assert slow.slots._value == LEAST_SHARE


def test_what_got_an_error_was_not_drained() -> None:
    """Of 60 pairs, 10 were answered in a second; the others got errors in place."""
    clock = Clock()
    admission = Admission(1000, 1, clock=clock)
    with admission.admit(60) as ticket:
        ticket.correct(40, 40)
        with ticket.computing(10):
            clock.now += 1
        with pytest.raises(ZeroDivisionError), ticket.computing(30):
            raise ZeroDivisionError
        assert (ticket.sent, admission.in_flight) == (0, 50)
    assert admission.retry_after(30) == 3
    assert admission.in_flight == 0


def test_what_is_in_flight_is_told() -> None:
    told: list[float] = []
    admission = Admission(10, 60, observe=told.append)
    with admission.admit(2) as ticket:
        ticket.correct(0, 3)
        with ticket.computing(3):
            pass
    assert told == [2, 5, 2, 0]


@given(
    chars=st.integers(100, 50_000),
    doc_stride=st.none() | st.integers(100, 300),
    overlap=st.none() | st.integers(0, 200),
)
@settings(deadline=None)
def test_the_estimate_is_about_right_for_english(
    tokenizer: Tokenizer, chars: int, doc_stride: int | None, overlap: int | None
) -> None:
    text = "The Norman conquest of England was led by William the Conqueror in 1066. " * 700
    options = WindowOptions(doc_stride=doc_stride, overlap=None if doc_stride else overlap)
    query = Query("Who led the conquest?", text[:chars], options, SpanOptions())
    windows = make_windows(
        *(tokenizer, query.question, query.context, options), sequence_length=384
    )
    assert len(windows) / 1.5 - 1 <= query.estimate(384) <= 1.5 * len(windows) + 1
