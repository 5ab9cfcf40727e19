import re

import pytest

from serving.trace import Trace, request_id


@pytest.mark.parametrize("given", ["abc-1", "4f:/+=@~_.", "x" * 128])
def test_a_sane_id_is_taken(given: str) -> None:
    assert request_id(given) == given


@pytest.mark.parametrize("given", [None, "", "x" * 129, "a b", "a\nb", 'a"b', "\u00e9", "a\x00"])
def test_any_other_is_replaced(given: str | None) -> None:
    made = request_id(given)
    assert re.fullmatch("[0-9a-f]{32}", made)
    assert made != request_id(given)


def test_parts_that_overlap_count_once() -> None:
    one, other, whole = Trace("1"), Trace("2"), Trace("3")
    one.stages, other.stages = {"infer": 0.3, "queue": 0.1}, {"infer": 0.2, "decode": 0.1}
    one.windows, other.windows = 2, 3
    whole.gather([one, other])
    assert whole.stages == {"infer": 0.3, "queue": 0.1, "decode": 0.1}
    assert whole.windows == 5
    timing = whole.server_timing()
    assert timing.startswith("queue;dur=100.00, infer;dur=300.00, decode;dur=100.00, total;dur=")


def test_a_stage_is_timed_when_it_fails_too() -> None:
    trace = Trace("1")
    with pytest.raises(ZeroDivisionError), trace.stage("decode"):
        raise ZeroDivisionError
    assert trace.stages["decode"] > 0
