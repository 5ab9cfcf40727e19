"""What happens to a test whose tools cannot be had here."""

import os
from typing import NoReturn

import pytest

REQUIRED = "REQUIRE_TOOLS"  # 1 in CI: there a missing tool is a failure


def skip(reason: str) -> NoReturn:
    """Skip the test, or fail it where the environment asks for all of them."""
    if os.environ.get(REQUIRED) == "1":
        pytest.fail(f"{REQUIRED}=1, and {reason}")
    pytest.skip(reason)
