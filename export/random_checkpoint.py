"""``python -m export.random_checkpoint base random-base``: an untrained ELECTRA of a standard size.

It serves to measure latency and memory, which do not depend on the values of the weights. Its
answers mean nothing.
"""

import json
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import typer
from numpy.typing import NDArray
from safetensors.numpy import save_file

from export.checkpoint.config import FILE_NAME as CONFIG
from export.checkpoint.config import ElectraConfig
from export.checkpoint.tokenizer import FILE_NAME as TOKENIZER
from export.checkpoint.weight_names import PREFIX
from export.checkpoint.weights import FILE_NAME as WEIGHTS
from export.checkpoint.weights import weight_shapes

VOCABULARY = Path("checkpoints", "electra-mini-squad", TOKENIZER)
INITIALIZER_RANGE = 0.02  # standard deviation of kernels, as google-research/electra has it

#: Google's sizes (Clark et al. 2020, table 6), with the uncased vocabulary of 30,522.
SIZES = {
    "small": ElectraConfig(30522, 128, 256, 12, 4, 1024, 512),
    "base": ElectraConfig(30522, 768, 768, 12, 12, 3072, 512),
    "large": ElectraConfig(30522, 1024, 1024, 24, 16, 4096, 512),
}


def random_weights(config: ElectraConfig, seed: int) -> dict[str, NDArray[np.float32]]:
    """Return weights initialised as ELECTRA's, except biases and LayerNorm's weights.

    Those are near 0 and 1, but not equal to them: a graph that mixes them up fails its parity gate.
    """
    generator = np.random.default_rng(seed)

    def draw(name: str, shape: tuple[int, ...]) -> NDArray[np.float32]:
        values = generator.standard_normal(shape, np.float32) * np.float32(INITIALIZER_RANGE)
        return values + np.float32("LayerNorm.weight" in name)

    return {name: draw(name, shape) for name, shape in weight_shapes(config).items()}


def main(
    size: Annotated[Literal["small", "base", "large"], typer.Argument()],
    folder: Annotated[Path, typer.Argument(help="to create; its name must contain 'random'")],
    seed: int = 0,
    tokenizer: Annotated[
        Path, typer.Option(exists=True, dir_okay=False, help="to copy; it must have 30,522 tokens")
    ] = VOCABULARY,
) -> None:
    """Write an untrained ELECTRA with a question answering head, in Hugging Face's layout."""
    if "random" not in folder.name:
        raise typer.BadParameter(f"{folder.name!r} must contain 'random', which results look for")
    folder.mkdir(parents=True)
    config = SIZES[size]
    weights = random_weights(config, seed)
    names = {name: name if name.startswith("qa_outputs") else PREFIX + name for name in weights}
    save_file({names[name]: values for name, values in weights.items()}, folder / WEIGHTS)
    (folder / CONFIG).write_text(json.dumps({"model_type": "electra", **asdict(config)}, indent=2))
    shutil.copyfile(tokenizer, folder / TOKENIZER)


if __name__ == "__main__":
    typer.run(main)
