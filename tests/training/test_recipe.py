"""The settings of a recipe, read from text."""

import pytest

from training.errors import TrainingError
from training.recipe import Recipe, with_settings


def test_settings_have_the_types_of_the_fields() -> None:
    settings = ["epochs=2", "batch_size=8", "freeze_embeddings=false", "init=google/electra"]
    recipe = with_settings(Recipe(), settings)
    assert recipe == Recipe(
        epochs=2.0, batch_size=8, freeze_embeddings=False, init="google/electra"
    )
    assert type(recipe.epochs) is float


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("epoch=2", "no setting 'epoch=2'; a recipe has init,"),
        ("epochs", "epochs is ''; it must be a float"),
        ("batch_size=1.5", "batch_size is '1.5'; it must be a int"),
        ("freeze_embeddings=False", "it must be true or false"),
        ("precision=int8", "precision is 'int8'; it must be one of fp32, tf32, bf16, fp16"),
    ],
)
def test_a_setting_that_means_nothing_is_refused(setting: str, message: str) -> None:
    with pytest.raises(TrainingError, match=message):
        with_settings(Recipe(), [setting])
