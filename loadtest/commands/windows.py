"""``windows``: the input of ``bench`` as a file, for perf_analyzer's ``--input-data``."""

import json
from pathlib import Path
from typing import Annotated

import typer

from loadtest.batches.inputs import Kind, make_rows, read_examples, read_tokenizer
from loadtest.commands.options import MODELS, Dataset
from loadtest.errors import LoadTestError
from loadtest.exported import read_exported
from qa import tensors
from qa.squad import SAMPLE


def windows(
    output: Annotated[Path, typer.Argument(help="JSON file to write.")],
    kind: Annotated[
        Kind, typer.Option("--input", help="Windows without padding, or those of SQuAD.")
    ] = "padded",
    count: Annotated[
        int, typer.Option(min=1, help="How many windows; all if there are fewer.")
    ] = 512,
    dataset: Dataset = SAMPLE,
    repository: Annotated[
        Path, typer.Option(help="Folder of the tokenizer that cuts them.")
    ] = MODELS,
) -> None:
    """Write windows for perf_analyzer, so that it computes what ``bench`` does."""
    exported = read_exported(repository)
    if exported is None:
        raise LoadTestError(
            f"there is no report.json in {repository}; run make export, or name another folder "
            "with --repository"
        )
    tokenizer = read_tokenizer(repository / "tokenizer.json")
    rows = make_rows(kind, tokenizer, read_examples(dataset), exported.sequence_length)
    arrays = (rows.input_ids, rows.attention_mask, rows.token_type_ids)
    steps = [
        {name: array[number].tolist() for name, array in zip(tensors.INPUTS, arrays, strict=True)}
        for number in range(min(count, len(rows)))
    ]
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(json.dumps({"data": steps}))
    print(f"{output}: {len(steps)} windows of {exported.sequence_length} tokens")
