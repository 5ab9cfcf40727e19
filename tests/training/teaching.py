"""``python -m tests.training.teaching INITIAL TEACHER FOLDER``: keep a teacher's distributions.

A test may kill it at any time, or have torchrun start several.
"""

import sys
from pathlib import Path
from unittest import mock

from qa.squad import SAMPLE, read_examples
from tests.training.trainings import HERE, QUIET, RECIPE
from training.initial import read_initial
from training.place import Place, find_place
from training.recipe import with_settings
from training.teacher import teach
from training.windows import TrainingWindow, training_windows

EXAMPLES = 40


def teach_sample(
    initial: str, teacher: Path, folder: Path, place: Place = HERE
) -> list[TrainingWindow]:
    """Return the windows of the first questions of the sample, with what ``teacher`` says."""
    recipe = with_settings(RECIPE, [f"teacher={teacher}", "precision=fp32"])
    examples = read_examples(SAMPLE)[:EXAMPLES]
    tokenizer = read_initial(initial).tokenizer
    windows, _ = training_windows(tokenizer, examples, recipe.max_seq_len)
    with (
        mock.patch.object(teach, "WINDOWS_OF_A_PART", 8),
        mock.patch.object(teach, "WINDOWS_AT_ONCE", 4),
    ):
        return teach.taught(windows, examples, tokenizer, recipe, place, folder, QUIET)


if __name__ == "__main__":
    initial, teacher, folder = sys.argv[1:]
    teach_sample(initial, Path(teacher), Path(folder), find_place())
