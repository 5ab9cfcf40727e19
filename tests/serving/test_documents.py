"""The pages of docs/ that are made from the code are up to date."""

import pytest

from serving.documents import pages
from serving.settings import Settings
from tests.conftest import ROOT


@pytest.mark.parametrize("name", pages())
def test_pages_made_from_the_code_are_up_to_date(name: str) -> None:
    assert (ROOT / "docs" / name).read_text() == pages()[name], "run make docs"


def test_every_setting_is_explained() -> None:
    assert all(field.description for field in Settings.model_fields.values())
