"""Whether the runtimes of NVIDIA's image load every exported file, and give the same logits.

``python -m tests.compat [FORMAT...]`` compares, for each file of these formats in a repository, the
logits that this environment computes with those of build/compat/FORMAT, which `make test-compat`
makes from FORMAT.txt. The packed graph, which no CPU runs, must be a valid file that is refused
for its missing kernels only.
"""

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import numpy as np
import onnx
import typer
from numpy.typing import NDArray
from rich.table import Table

from export.variants import VARIANTS, Variant
from pages.terminal import terminal
from qa.squad import read_examples
from qa.tensors import ATTENTION_MASK, INPUTS, OUTPUTS
from qa.tokenizer import load_tokenizer
from qa.windows import make_windows

ROOT = Path(__file__).parents[2]
ENVIRONMENTS = ROOT / "build" / "compat"
SAMPLE = ROOT / "export" / "data" / "squad-train-sample.json"
SCRIPT = Path(__file__).parent / "logits.py"
QUESTIONS = 16  # a window or more of each
SEQUENCE_LENGTH = 384  # the axes are dynamic: any length that the model takes will do

NO_KERNEL = "NOT_IMPLEMENTED"
FP32 = "electra_qa_onnx_fp32/1/model.onnx"


@dataclass(frozen=True)
class Run:
    """The result of one file in one environment."""

    version: str  # of the runtime
    error: str  # its last line; "" when there are logits


@dataclass(frozen=True)
class Row:
    """One file in one runtime, as the table shows it."""

    file: str
    version: str
    result: str
    ok: bool


def main(
    formats: Annotated[
        list[str], typer.Argument(envvar="ONLY", help="onnx, savedmodel or both.")
    ] = ["onnx", "savedmodel"],  # noqa: B006
    repository: Annotated[Path, typer.Option(envvar="REPOSITORY")] = Path("model_repository"),
) -> None:
    """Load every file of a model repository in other runtimes."""
    found = [
        variant
        for variant in VARIANTS
        if variant.format in formats and (repository / variant.file).exists()
    ]
    if not found:
        sys.exit(f"{repository} has no files of {', '.join(formats)}; `make export` writes them")
    table = Table("file", "runtime", "largest difference", "")
    rows = []
    with TemporaryDirectory() as folder:
        write_windows(repository / "tokenizer.json", Path(folder))
        for variant in found:
            rows += list(compare(variant, repository, Path(folder)))
    for row in rows:
        table.add_row(row.file, row.version, row.result, "ok" if row.ok else "FAILED")
    terminal().print(table)
    sys.exit(not all(row.ok for row in rows))


def write_windows(tokenizer: Path, folder: Path) -> None:
    """Write windows of real questions, short and long ones mixed, to ``windows.npz``."""
    loaded = load_tokenizer(tokenizer)
    windows = [
        make_windows(loaded, each.question, each.context, sequence_length=SEQUENCE_LENGTH)
        for each in islice(read_examples(SAMPLE), QUESTIONS)
    ]
    np.savez(
        folder / "windows.npz",
        **{name: np.concatenate([getattr(each, name) for each in windows]) for name in INPUTS},
    )


def compare(variant: Variant, repository: Path, folder: Path) -> Iterator[Row]:
    """Yield a row for this environment's runtime, and one for that of NVIDIA's image."""
    path = repository / variant.file
    other = ENVIRONMENTS / variant.format / "bin" / "python"
    ours, theirs = (
        run(python, path, folder, folder / f"{number}.npz")
        for number, python in enumerate((Path(sys.executable), other))
    )
    if variant.device == "gpu":
        invalid = check(path)
        for each in (ours, theirs):
            ok = not invalid and NO_KERNEL in each.error
            yield Row(variant.file, each.version, invalid or each.error or "it ran", ok)
        return
    yield Row(variant.file, ours.version, ours.error or "compared with", not ours.error)
    if ours.error or theirs.error:
        yield Row(variant.file, theirs.version, theirs.error, False)
        return
    found = differences(folder, "0.npz", "1.npz")
    if variant.tolerance is not None:
        largest, allowed = found.max(), variant.tolerance
        result = f"{largest:.1e}, {allowed:g} allowed"
        yield Row(variant.file, theirs.version, result, bool(largest <= allowed))
        return
    # int8: sums in another order round some activations to another step, and the difference grows
    # from layer to layer. Even in one runtime, embeddings that are larger by a factor of 1 + 3e-7
    # change the bundled model's logits by up to 0.7. So the mean difference must be smaller than
    # that of quantization itself, from fp32
    fp32 = run(Path(sys.executable), repository / FP32, folder, folder / "fp32.npz")
    if fp32.error:
        yield Row(FP32, fp32.version, f"int8 is compared with it: {fp32.error}", False)
        return
    mean, allowed = found.mean(), differences(folder, "0.npz", "fp32.npz").mean()
    result = f"{found.max():.1e}; mean {mean:.1e}, {allowed:.1e} allowed"
    yield Row(variant.file, theirs.version, result, bool(mean < allowed))


def run(python: Path, model: Path, folder: Path, logits: Path) -> Run:
    """Compute logits in the environment of ``python``."""
    command = [python, SCRIPT, model, folder / "windows.npz", logits]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    *_, last = ["", *done.stderr.splitlines()]
    return Run(done.stdout.strip(), last[:300] if done.returncode else "")


def check(model: Path) -> str:
    """Return why ``model`` is not a valid ONNX file, or "" when it is."""
    try:
        onnx.checker.check_model(model)
    except onnx.checker.ValidationError as error:
        return str(error)
    return ""


def differences(folder: Path, ours: str, theirs: str) -> NDArray[np.float32]:
    """Return the differences of both logits at all real tokens, one after the other."""
    real = np.load(folder / "windows.npz")[ATTENTION_MASK] == 1
    first, second = np.load(folder / ours), np.load(folder / theirs)
    return np.concatenate([np.abs(first[name] - second[name])[real] for name in OUTPUTS])


if __name__ == "__main__":
    typer.run(main)
