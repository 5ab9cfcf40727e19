"""The records of trainings before: read, in order, or refused before a training begins."""

import json
from pathlib import Path

import pytest

from training.errors import TrainingError
from training.result import is_pretraining, last_training, trainings

FIRST = {
    "recipe": {"init": "minilm", "epochs": 1.0, "learning_rate": 1e-4},
    "trained": {"tokens": 9, "seconds": 60.0},
}
SECOND = FIRST | {"scores": {}, "earlier": FIRST}


def test_they_are_read_with_the_first_of_all_first(tmp_path: Path) -> None:
    assert last_training(tmp_path) is None
    (tmp_path / "pretraining.json").write_text(json.dumps(FIRST))
    assert last_training(tmp_path) == FIRST
    (tmp_path / "training.json").write_text(json.dumps(SECOND))
    record = last_training(tmp_path)
    assert record == SECOND
    assert trainings(record) == [FIRST, SECOND]
    assert [is_pretraining(each) for each in trainings(record)] == [True, False]


@pytest.mark.parametrize(
    "content",
    [
        {"loss": 1.0},
        FIRST | {"trained": {"tokens": 9}},
        FIRST | {"recipe": None},
        FIRST | {"earlier": "another"},
        FIRST | {"earlier": {"recipe": {}}},
    ],
)
def test_a_file_by_something_else_is_refused(tmp_path: Path, content: object) -> None:
    (tmp_path / "training.json").write_text(json.dumps(content))
    message = r"training.json was not written by `make train`.*move it away"
    with pytest.raises(TrainingError, match=message):
        last_training(tmp_path)
