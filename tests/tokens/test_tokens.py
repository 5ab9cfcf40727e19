"""Our token ids in folders that differ in one setting each: transformers', or a refusal."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from export.checkpoint.errors import CheckpointError
from tests.tokens.compare import BASELINE, main, token_ids
from tests.tokens.folders import BUNDLED, EQUAL, REFUSED, Case, make_folder
from tests.tokens.hugging_face import GOLDEN
from tests.tokens.lines import all_lines


@pytest.fixture(scope="module")
def golden() -> dict[str, list[list[int]]]:
    """The ids of every line, by the name of the folder."""
    with np.load(GOLDEN) as file:
        ids = iter(file["ids"].tolist())
        return {
            str(name): [_take(ids, length) for length in lengths]
            for name, lengths in zip(file["names"], file["lengths"].tolist(), strict=True)
        }


def _take(ids: Iterator[int], length: int) -> list[int]:
    return [next(ids) for _ in range(length)]


@pytest.mark.parametrize("case", EQUAL, ids=lambda case: case.name)
def test_ids_are_those_of_transformers(
    tmp_path: Path, golden: dict[str, list[list[int]]], case: Case
) -> None:
    ours = token_ids(make_folder(case, tmp_path / "folder"))
    for line, found, expected in zip(all_lines(), ours, golden[case.name], strict=True):
        assert found == expected, repr(line)


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case.name)
def test_what_cannot_be_honoured_is_refused_by_name(tmp_path: Path, case: Case) -> None:
    with pytest.raises(CheckpointError) as raised:
        token_ids(make_folder(case, tmp_path / "folder"))
    for word in case.refused:
        assert word in str(raised.value)


def test_the_folders_differ(golden: dict[str, list[list[int]]]) -> None:
    """The lines tell the folders apart: most settings change the ids of some line."""
    assert len(EQUAL) >= 25
    distinct = {str(ids) for ids in golden.values()}
    assert len(distinct) > len(EQUAL) / 2


def test_the_command_says_what_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(make_folder(REFUSED[0], tmp_path / "folder")) == 0
    assert capsys.readouterr().out.startswith("refused: ")


@pytest.mark.slow
@pytest.mark.skipif(not BASELINE.exists(), reason=f"needs {BASELINE}, which make baseline makes")
def test_the_command_compares(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(BUNDLED) == 0
    assert "200 lines, 0 different" in capsys.readouterr().out
    cased_alone = next(case for case in EQUAL if case.options)  # transformers lower-cases there
    assert main(make_folder(cased_alone, tmp_path / "folder")) == 1
