"""The recipe of a teacher's own fine-tuning: its settings, besides those of every training."""

from dataclasses import dataclass

from training.recipe import BaseRecipe
from training.teacher.mpnet import MPNET


@dataclass(frozen=True)
class TeacherRecipe(BaseRecipe):
    """Fine-tuning of a base-size encoder. Usual values; none has been tried against another."""

    init: str = MPNET
    epochs: float = 2.0
    learning_rate: float = 5e-5
    warmup: float = 0.1
    # as the student's, which asks the teacher about its own
    negatives: float = 0.1
    unanswerable: float = 0.0
