from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from qa.retry_after import retry_seconds


@pytest.mark.parametrize(
    ("header", "expected"),
    [(None, 0.1), ("", 0.1), ("soon", 0.1), ("-5", 0.1), ("0", 0), (" 7 ", 7)],
)
def test_seconds_or_what_is_otherwise_waited(header: str | None, expected: float) -> None:
    assert retry_seconds(header, 0.1) == expected


def test_a_date() -> None:
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)
    assert 0 < retry_seconds(soon, 0.1) <= 60
    assert retry_seconds("Wed, 21 Oct 2015 07:28:00 GMT", 0.1) == 0
