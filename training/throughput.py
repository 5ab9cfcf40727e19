"""``python -m training.throughput [FOLDER]``: how fast a training step is, in each precision.

A step is forward, backward, clipping and AdamW. Its windows have one length and no padding, as in
NVIDIA's published figures; those of a training are shorter. The weights are random, which makes no
difference to the time.
"""

import json
import statistics
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer
from rich.console import Console
from rich.table import Table

from export.checkpoint.config import ElectraConfig
from training.allocator import keep_freed_memory
from training.batch import Batch, collate
from training.electra import Electra
from training.errors import TrainingError
from training.loop import training_step
from training.measured import THROUGHPUT
from training.objective import answer_objective
from training.optimizer import make_optimizer, set_rate
from training.place import Place, find_place, set_precision
from training.published import published
from training.recipe import PRECISIONS, Recipe
from training.windows import CLS_POSITION, TrainingWindow

#: The bundled checkpoint's shape, and Google's (Clark et al. 2020, table 6).
SIZES = {
    "mini": ElectraConfig(30522, 384, 384, 6, 12, 1536, 512),
    "small": ElectraConfig(30522, 128, 256, 12, 4, 1024, 512),
    "base": ElectraConfig(30522, 768, 768, 12, 12, 3072, 512),
}


@dataclass(frozen=True)
class Measured:
    """One size in one precision."""

    size: str
    precision: str
    batch: int
    sequence: int  # tokens
    step_seconds: tuple[float, ...]  # of each step after the warm-up

    @property
    def sequences(self) -> float:
        """Sequences per second, by the median step."""
        return self.batch / statistics.median(self.step_seconds)


def measure(
    size: str, precision: str, batch: int, sequence: int, steps: int, warmup: int, place: Place
) -> Measured:
    """Time ``steps`` steps, after ``warmup`` others.

    Raises TrainingError when ``place`` does not have the precision.
    """
    set_precision(precision, place.device)
    recipe = Recipe(precision=precision, batch_size=batch)
    model = Electra(SIZES[size], recipe.dropout, recipe.attention_dropout).to(place.device).train()
    optimizer = make_optimizer(model, recipe)
    set_rate(optimizer, recipe, 0, 1)
    scaler = torch.amp.GradScaler(place.device.type, enabled=precision == "fp16")
    objective = answer_objective(recipe)
    inputs = _random_batch(batch, sequence, place.device)
    seconds = []
    for _ in range(warmup + steps):
        place.synchronize()
        began = time.perf_counter()
        training_step(model, inputs, objective, recipe, optimizer, scaler)
        place.synchronize()
        seconds.append(time.perf_counter() - began)
    return Measured(size, precision, batch, sequence, tuple(seconds[warmup:]))


def _random_batch(batch: int, sequence: int, device: torch.device) -> Batch:
    generator = np.random.default_rng(0)
    ids = generator.integers(1000, 30522, (batch, sequence), dtype=np.int32)
    at = (CLS_POSITION,)
    return collate([TrainingWindow(row, 14, starts=at, ends=at) for row in ids], device)


def table(measured: list[Measured], place: Place) -> Table:
    """Return what was measured, and below it what NVIDIA published for one GPU."""
    rows = Table("model", "where", "precision", "batch", "tokens", "sequences/s", "tokens/s")
    for each in measured:
        rows.add_row(
            each.size,
            place.name,
            each.precision,
            str(each.batch),
            str(each.sequence),
            f"{each.sequences:.1f}",
            f"{each.sequences * each.sequence:,.0f}",
        )
    rows.add_section()
    for theirs in published().throughput:
        if theirs.gpus == 1:
            speed = (f"{theirs.sequences:.1f}", f"{theirs.sequences * 384:,.0f}")
            where = f"{theirs.system}, published"
            rows.add_row("base", where, theirs.precision, str(theirs.batch), "384", *speed)
    return rows


def main(
    output: Annotated[
        Path, typer.Argument(envvar="OUTPUT", help="folder for throughput.json")
    ] = Path("build/throughput"),
    sizes: Annotated[
        str, typer.Option(envvar="SIZES", help=f"of {', '.join(SIZES)}, separated by spaces")
    ] = "mini",
    batch: Annotated[int, typer.Option(min=1, help="windows of a step")] = 32,
    sequence: Annotated[int, typer.Option(min=16, max=512, help="tokens of a window")] = 384,
    steps: Annotated[int, typer.Option(min=1, help="steps that are timed")] = 10,
    warmup: Annotated[int, typer.Option(min=0, help="steps before them")] = 2,
) -> None:
    """Measure every precision that this machine has."""
    keep_freed_memory()
    console, place = Console(), find_place()
    measured: list[Measured] = []
    for size in sizes.split():
        if size not in SIZES:
            raise typer.BadParameter(f"{size} is none of {', '.join(SIZES)}")
        for precision in PRECISIONS:
            try:
                measured.append(measure(size, precision, batch, sequence, steps, warmup, place))
            except TrainingError as error:
                console.print(f"left out: {error}")
    console.print(table(measured, place))
    output.mkdir(parents=True, exist_ok=True)
    content = {"device": place.name, "torch": torch.__version__}
    content |= {"measured": [asdict(each) for each in measured]}
    (output / THROUGHPUT).write_text(json.dumps(content, indent=2) + "\n")


if __name__ == "__main__":
    typer.run(main)
