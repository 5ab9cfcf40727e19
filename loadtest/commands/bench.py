"""``bench``: batch latency of the variants, beside NVIDIA's published figures."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer
from grpc.experimental.gevent import init_gevent

from embedded.gpu import serving_gpu
from loadtest.batches.benchmark import Benchmark, Plan
from loadtest.batches.closed_loop import Budget
from loadtest.batches.flop import ModelShape, read_config
from loadtest.batches.inputs import Kind, read_examples, read_tokenizer
from loadtest.batches.meter import Meter
from loadtest.batches.server import connected
from loadtest.batches.table import batch_tables
from loadtest.commands.options import BATCHES, MODELS, Batches, Dataset, Results, TritonUrl, numbers
from loadtest.device import environment
from loadtest.errors import LoadTestError
from loadtest.exported import PREFIX, Exported, model_name, read_exported
from loadtest.published import read_published
from loadtest.result import FOLDER, Device, Result, write_result
from loadtest.stop import interrupt_me, raise_again
from pages.terminal import terminal
from qa.proxies import is_this_machine
from qa.squad import SAMPLE


def bench(
    variants: Annotated[
        str,
        typer.Option(
            envvar="VARIANTS",
            help="Variants, as in 'onnx_fp32 onnx_int8'; by default, all for this machine.",
        ),
    ] = "",
    batches: Batches = BATCHES,
    seq: Annotated[
        int | None, typer.Option(envvar="SEQ", help="Tokens per window; by default, the model's.")
    ] = None,
    kind: Annotated[
        Kind,
        typer.Option("--input", envvar="INPUT", help="Windows without padding, or those of SQuAD."),
    ] = "padded",
    dataset: Dataset = SAMPLE,
    batches_per_row: Annotated[
        int, typer.Option(envvar="BATCHES_PER_ROW", min=1, help="Batches measured per round.")
    ] = 200,
    seconds: Annotated[
        float, typer.Option(envvar="SECONDS", min=0.1, help="Most seconds per row and round.")
    ] = 60,
    warmup_seconds: Annotated[
        float, typer.Option(min=0, help="Most seconds per row and round.")
    ] = 30,
    rounds: Annotated[
        int, typer.Option(envvar="ROUNDS", min=1, help="Rounds, each with all variants in turn.")
    ] = 1,
    clients: Annotated[
        int, typer.Option(envvar="CLIENTS", min=1, help="Batches in flight at a time.")
    ] = 1,
    url: TritonUrl = None,
    repository: Annotated[
        Path, typer.Option(help="Folder of the embedded Triton's models.")
    ] = MODELS,
    config: Annotated[
        Path | None, typer.Option(help="config.json of the model; by default, from report.json.")
    ] = None,
    questions: Annotated[
        int, typer.Option(min=1, help="Questions to measure unknown EM and F1.")
    ] = 200,
    results: Results = FOLDER,
) -> None:
    """Measure the latency of batches, and print NVIDIA's figures beside it."""
    init_gevent()
    interrupt_me()
    exported = read_exported(repository)
    examples = read_examples(dataset)
    plan = Plan(
        variants=_variants(variants, exported, repository),
        batches=tuple(dict.fromkeys(numbers("--batches", batches, int))),
        kind=kind,
        sequence_length=seq,
        rounds=rounds,
        clients=clients,
        budget=Budget(batches_per_row, seconds, warmup_seconds),
        shape=read_config(config) if config else _exported(exported, repository).shape,
        tokenizer=read_tokenizer(repository / "tokenizer.json"),
        examples=examples,
        dataset=dataset,
        questions=questions,
        is_local=url is None or is_this_machine(url),
    )
    models = [model_name(variant) for variant in plan.variants]
    with connected(url or None, repository, models) as triton:
        where = None if plan.is_local else Device("cpu", f"Triton at {url}", 0, 0)
        made = environment(device=where, triton=triton.version())
        with Meter(plan.longest_seconds) as meter:
            # another Triton may serve models of another export
            known = dict(exported.accuracies) if exported and not url else {}
            found = Benchmark(plan, meter, known)
            fault = found.run(triton)
    result = Result(
        name="bench",
        environment=replace(made, device=found.device or made.device),
        checkpoint=exported.checkpoint if exported else f"the model of {config}",
        dataset=f"{dataset.name}, {len(examples)} questions",
        batches=found.table(),
        accuracies=found.accuracies,
        partial=fault,
    )
    _finish(result, plan.shape, results)


def _finish(result: Result, shape: ModelShape, folder: Path) -> None:
    """Write and print the result; raises what ended the run early."""
    console = terminal()
    path = None
    if result.batches:
        for each in batch_tables(result, read_published(), shape):
            console.print(each, highlight=False)
        path = write_result(result, folder)
        console.print(f"{'partial: ' if result.partial else ''}{path}", highlight=False)
    raise_again(result.partial, path)


def _variants(names: str, exported: Exported | None, repository: Path) -> tuple[str, ...]:
    wanted = names.replace(",", " ").split()
    if wanted:
        return tuple(dict.fromkeys(name.removeprefix(PREFIX) for name in wanted))
    found = _exported(exported, repository).runnable(has_gpu=serving_gpu() is not None)
    if not found:
        raise LoadTestError(f"{repository} holds no variant for this machine; run make export")
    return found


def _exported(exported: Exported | None, repository: Path) -> Exported:
    if exported is None:
        raise LoadTestError(
            f"there is no report.json in {repository}, which describes the models; run make "
            "export, or name another folder with --repository, or --variants and --config"
        )
    return exported
