from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx
import pytest

from evaluation.patience import RETRY_SECONDS, retry_after


def seconds(status: int, header: str | None) -> float | None:
    headers = {} if header is None else {"retry-after": header}
    return retry_after(httpx.Response(status, headers=headers))


@pytest.mark.parametrize(
    ("status", "header", "expected"),
    [
        (429, "7", 7),
        (429, " 0 ", 0),
        (429, None, RETRY_SECONDS),
        (429, "soon", RETRY_SECONDS),
        (429, "-5", RETRY_SECONDS),
        (429, "Fri, 99 Feb 2026", RETRY_SECONDS),
        (503, "2", 2),
        (503, None, None),  # from a proxy that cannot say when to retry
        (504, "2", None),
        (200, "2", None),
    ],
)
def test_when_to_ask_again(status: int, header: str | None, expected: float | None) -> None:
    assert seconds(status, header) == expected


def test_a_date() -> None:
    soon = seconds(429, format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True))
    assert soon is not None
    assert 50 < soon <= 60
    assert seconds(429, "Wed, 21 Oct 2015 07:28:00 GMT") == 0
    assert seconds(429, "Wed, 21 Oct 2015 07:28:00") == 0
