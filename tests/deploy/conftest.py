"""A Docker Engine, the images, and the stack of compose.yaml, for the tests of deploy/.

Without Docker they are skipped, with the reason; REQUIRE_TOOLS=1 makes that a failure.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT, export_bundled
from tests.deploy.compose import Deployment, deployed
from tests.deploy.engine import CannotStart, Engine, running_engine
from tests.deploy.images import build_all
from tests.deploy.missing import skip

FOLDER = ROOT / "build" / "deploy"
VARIANTS = "onnx_int8 openvino_int8"


@pytest.fixture(scope="session")
def engine() -> Iterator[Engine]:
    try:
        with running_engine(FOLDER) as engine:
            yield engine
    except CannotStart as error:
        skip(str(error))


@pytest.fixture(scope="session")
def images(engine: Engine) -> Engine:
    """The engine, with all images."""
    build_all(engine, FOLDER)
    return engine


@pytest.fixture(scope="session")
def served() -> Path:
    """The repository of the other tests, with the variants that are served here."""
    return export_bundled(VARIANTS)


@pytest.fixture(scope="session")
def deployment(images: Engine, served: Path) -> Iterator[Deployment]:
    """The stack of compose.yaml on the CPU, all but Grafana, whose image is not to be had."""
    with deployed(images, served, FOLDER) as deployment:
        yield deployment
