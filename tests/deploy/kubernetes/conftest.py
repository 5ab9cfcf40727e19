"""The tools of the chart's checks, installed once."""

import pytest

from tests.deploy.kubernetes.tools import Missing, install
from tests.deploy.missing import skip


@pytest.fixture(scope="session")
def tools() -> None:
    """Helm, checkov and the validators; skips the test where they cannot be installed."""
    try:
        install()
    except Missing as error:
        skip(str(error))
