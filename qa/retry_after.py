"""The header ``retry-after``, by which a busy server says when to ask again (RFC 9110)."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime


def retry_seconds(header: str | None, otherwise: float) -> float:
    """Return the seconds to wait that ``header`` gives, as a number or as a date.

    ``otherwise`` is returned if there is no header, or it is neither.
    """
    text = (header or "").strip()
    if text.isdecimal():
        return float(text)
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return otherwise
    # a date without a zone is in UTC
    return max(0.0, (at.replace(tzinfo=at.tzinfo or UTC) - datetime.now(UTC)).total_seconds())
