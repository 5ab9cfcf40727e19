"""``sessions``: ONNX Runtime without a server, with batches cut and run in every way."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from loadtest.batches.inputs import read_examples, read_tokenizer
from loadtest.batches.sessions import session_table
from loadtest.commands.options import BATCHES, MODELS, Batches, Dataset, numbers
from loadtest.exported import model_name
from qa.squad import SAMPLE


def sessions(
    variants: Annotated[str, typer.Option(help="ONNX variants, as in 'onnx_fp16 onnx_tf32'.")],
    batches: Batches = BATCHES,
    seconds: Annotated[
        float, typer.Option(min=0, help="Seconds for each way; it runs at least five times.")
    ] = 1.0,
    dataset: Dataset = SAMPLE,
    repository: Annotated[Path, typer.Option(help="Folder of the variants.")] = MODELS,
) -> None:
    """Time ONNX Runtime alone on windows of SQuAD, on the GPU where there is one."""
    tokenizer, questions = read_tokenizer(repository / "tokenizer.json"), read_examples(dataset)
    sizes = numbers("--batches", batches, int)
    for variant in variants.replace(",", " ").split():
        folder = repository / model_name(variant)
        Console().print(session_table(folder, tokenizer, questions, sizes, seconds))
