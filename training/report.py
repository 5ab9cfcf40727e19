"""``python -m training.report FOLDER``: the measured tables, beside NVIDIA's published ones."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from statistics import mean, stdev
from typing import Annotated

import typer

from pages.markdown import with_part
from training.errors import TrainingError
from training.gains import Gains, gains
from training.measured import Measured, Run, Speed, read_measured, read_run
from training.published import published
from training.result import HELD_OUT, WITH_UNANSWERABLE

BUNDLED = Path("checkpoints/electra-mini-squad/training.json")


def markdown(measured: Measured, bundled: Run) -> str:
    """Return all tables in Markdown. Raises TrainingError if there are no runs to compare."""
    found = gains(measured.runs)
    parts = (
        ("### Each change by itself", [*_gains(found), *_pretraining(measured)]),
        ("### Stability", _stability(found.seeds)),
        ("### Throughput", _throughput(measured.speeds)),
        ("### Time to train, and accuracy", _accuracy(bundled)),
    )
    return "\n\n".join("\n".join([title, "", *lines]) for title, lines in parts)


def _gains(found: Gains) -> Iterator[str]:
    yield "| held-out articles | EM | F1 | F1 against the recipe | F1 with unanswerable |"
    yield "|---|---|---|---|---|"
    seeds = found.seeds
    ems = _spread([run.score(HELD_OUT, "exact_match") for run in seeds])
    both = _spread([run.score(WITH_UNANSWERABLE, "f1") for run in seeds])
    yield f"| the recipe, {len(seeds)} seeds | {ems} | {_spread(found.f1s)} | | {both} |"
    for each in found.changed:
        em = each.run.score(HELD_OUT, "exact_match")
        noise = ", within the noise" if each.is_noise else ""
        unanswerable = ""
        if WITH_UNANSWERABLE in each.run.scores:
            unanswerable = f"{each.run.score(WITH_UNANSWERABLE, 'f1'):.2f}"
        figures = f"{em:.2f} | {each.f1:.2f} | {each.change:+.2f}{noise} | {unanswerable}"
        yield f"| `{each.name}` | {figures} |"


def _pretraining(measured: Measured) -> Iterator[str]:
    if (content := measured.pretraining) is None:
        return
    trained, found = content["trained"], content["held_out"]
    yield ""
    yield (
        f"The pre-training took {trained['step']:,} steps, {trained['tokens'] / 1e6:.1f} M tokens, "
        f"{_time(trained['seconds'])}. On held-out articles the generator restores "
        f"{1 - found['replaced'] / found['masked']:.0%} of the masked tokens; the discriminator "
        f"finds {found['right_alarms'] / found['replaced']:.0%} of the replaced ones, and "
        f"{found['right_alarms'] / found['alarms']:.0%} of its alarms are right."
    )


def _stability(seeds: Sequence[Run]) -> Iterator[str]:
    columns = " | ".join(f"seed {run.recipe['seed']}" for run in seeds)
    yield f"| | {columns} | mean | deviation |"
    yield "|---" * (len(seeds) + 3) + "|"
    for data in seeds[0].scores:
        for title, metric in (("EM", "exact_match"), ("F1", "f1")):
            yield _stability_row(f"{data}, {title}", [run.score(data, metric) for run in seeds])
    for theirs in published().stability:
        if theirs.squad == "1.1" and len(theirs.values) == len(seeds):
            name = f"ELECTRA-base, dev-v1.1, {theirs.metric}, published"
            yield _stability_row(name, theirs.values)


def _stability_row(name: str, values: Sequence[float]) -> str:
    shown = " | ".join(f"{value:.2f}" for value in values)
    return f"| {name} | {shown} | {mean(values):.2f} | {stdev(values):.2f} |"


def _throughput(speeds: Sequence[Speed]) -> Iterator[str]:
    yield "| model | where | precision | batch | sequences/s of 384 tokens |"
    yield "|---|---|---|---|---|"
    for each in speeds:
        rate = each.sequences * each.sequence / 384
        yield f"| {each.size} | {each.device} | {each.precision} | {each.batch} | {rate:.1f} |"
    for theirs in published().throughput:
        if theirs.gpus == 1:
            where = f"{theirs.system}, published"
            yield (
                f"| base | {where} | {theirs.precision} | {theirs.batch} | {theirs.sequences:.0f} |"
            )


def _accuracy(bundled: Run) -> Iterator[str]:
    yield "| model | where | precision | time to train | EM | F1 on dev-v1.1 |"
    yield "|---|---|---|---|---|---|"
    data = next(name for name in bundled.scores if name.startswith("dev-v1.1"))
    em, f1 = bundled.score(data, "exact_match"), bundled.score(data, "f1")
    precision, took = bundled.recipe["precision"], _time(bundled.seconds)
    yield f"| mini, bundled | {bundled.device} | {precision} | {took} | {em:.2f} | {f1:.2f} |"
    for theirs in published().accuracy:
        if theirs.gpus == 1:
            yield (
                f"| base | {theirs.system}, published | {theirs.precision} | "
                f"{_time(theirs.seconds)} | {theirs.em:.2f} | {theirs.f1:.2f} |"
            )


def _time(seconds: float) -> str:
    return str(timedelta(seconds=round(seconds)))


def _spread(values: Sequence[float]) -> str:
    return f"{mean(values):.2f} ± {stdev(values):.2f}"


def with_tables(text: str, tables: str) -> str:
    """Return ``text`` with ``tables`` in their place; raises ValueError when it has none."""
    return with_part(text, "measured", tables)


def main(
    folder: Annotated[Path, typer.Argument(help="of training.json files, by the runs' names")],
    document: Annotated[Path | None, typer.Option(help="Markdown with the two markers")] = None,
    plot: Annotated[Path | None, typer.Option(help="PNG of what each change does")] = None,
    bundled: Annotated[
        Path,
        typer.Option(exists=True, dir_okay=False, help="training.json of the bundled checkpoint"),
    ] = BUNDLED,
) -> None:
    """Print the tables, or write them into a document; draw the gains."""
    try:
        measured = read_measured(folder)
        tables = markdown(measured, read_run(bundled))
        if plot is not None:
            from training.gains_plot import draw_gains  # matplotlib is not needed to train

            draw_gains(gains(measured.runs), plot)
    except TrainingError as error:
        raise typer.BadParameter(str(error)) from error
    if document is None:
        print(tables)
    else:
        document.write_text(with_tables(document.read_text(), tables))


if __name__ == "__main__":
    typer.run(main)
