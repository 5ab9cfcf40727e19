"""The figures of a report, variant by variant, as the terminal and the page show them."""

from collections.abc import Callable, Iterable, Mapping

from embedded.digest import sha256_of_all
from embedded.report import Report, Speed, VariantReport
from export.proof.fused_operators import ATTENTION, OTHERS, count
from export.variants import VARIANTS, Variant
from pages.table import Cell

_DIGEST_SHOWN = 8  # characters: enough to tell files apart
_VARIANTS = {variant.model_name: variant for variant in VARIANTS}


def rows(report: Report) -> tuple[Mapping[str, Cell], ...]:
    """Return the figures of each variant by column; a figure that was not measured is empty."""
    return tuple(
        {head: cell(report, name) for head, cell in _COLUMNS.items()} for name in report.variants
    )


def variant_of(model_name: str) -> Variant | None:
    """Return the row of the table of variants; None for a name that is not in it."""
    return _VARIANTS.get(model_name)


def short_name(model_name: str) -> str:
    """Return what ``--variants`` calls a model: its name without the common prefix."""
    variant = variant_of(model_name)
    return variant.name if variant else model_name


def digest(row: VariantReport) -> str:
    """Return the sha256 of a variant's file; of several, the sha256 of sha256sum's output."""
    if len(row.files) == 1:
        return next(iter(row.files.values()))
    return sha256_of_all(f"{sha256}  {path}" for path, sha256 in sorted(row.files.items()))


def datasets(report: Report) -> str:
    """Return what the accuracy was measured on; "" where it was not."""
    accuracies = (row.accuracy for row in report.variants.values())
    return joined(f"{each.questions:,} questions of {each.dataset}" for each in accuracies if each)


def joined(values: Iterable[str]) -> str:
    """Return the distinct values: variants of an earlier export may have other ones."""
    return " or ".join(dict.fromkeys(values))


def _name(_: Report, name: str) -> Cell:
    variant = variant_of(name)
    return Cell(short_name(name), note=variant.computes if variant else "", title=name)


def _size(report: Report, name: str) -> Cell:
    return Cell(f"{report.variants[name].size_bytes / 1e6:.1f}")


def _nodes(report: Report, name: str) -> Cell:
    nodes = report.variants[name].nodes
    return Cell("" if nodes is None else str(nodes))


def _fused(report: Report, name: str) -> Cell:
    operators = report.variants[name].operators
    if operators is None:
        return Cell("")
    found, layers = count(operators, ATTENTION), report.config["num_hidden_layers"]
    return Cell(f"{found}/{layers}", note=f"{count(operators, OTHERS)} others")


def _largest(report: Report, name: str) -> Cell:
    variant = variant_of(name)
    gate = "judged by answers"
    if variant and variant.tolerance is not None:
        gate = f"gate {variant.tolerance:g}"
    found = report.variants[name].parity.largest_logit_difference
    return Cell(f"{found:.1e}", note=gate if variant else "")


def _mean(report: Report, name: str) -> Cell:
    parity = report.variants[name].parity
    return Cell(f"{parity.mean_logit_difference:.1e}")


def _answers(report: Report, name: str) -> Cell:
    parity = report.variants[name].parity
    return Cell(f"{parity.equal_answers}/{parity.answers}", note=f"{parity.windows} windows")


def _triton(report: Report, name: str) -> Cell:
    row = report.variants[name]
    if row.triton:
        return Cell(row.triton)
    needs = "not on this machine: needs a GPU" if row.device == "gpu" else "not asked"
    return Cell("", note=needs)


def _exact_match(report: Report, name: str) -> Cell:
    accuracy = report.variants[name].accuracy
    return Cell(f"{accuracy.exact_match:.2f}" if accuracy else "")


def _f1(report: Report, name: str) -> Cell:
    accuracy = report.variants[name].accuracy
    return Cell(f"{accuracy.f1:.2f}" if accuracy else "")


def _f1_difference(report: Report, name: str) -> Cell:
    accuracy = report.variants[name].accuracy
    return Cell(f"{accuracy.f1_difference:+.2f}" if accuracy else "")


def _windows_per_second(report: Report, name: str) -> Cell:
    return _rate(report.variants[name].speed)


def _gpu_windows_per_second(report: Report, name: str) -> Cell:
    return _rate(report.variants[name].gpu_speed)


def _gpu_batch_1(report: Report, name: str) -> Cell:
    speed = report.variants[name].gpu_speed
    return Cell(f"{speed.batch_1_ms:.2f}" if speed else "")


def _rate(speed: Speed | None) -> Cell:
    if speed is None:
        return Cell("")
    return Cell(
        f"{speed.windows_per_second:.0f}", note=f"{speed.lowest:.0f} to {speed.highest:.0f}"
    )


def _batch_1(report: Report, name: str) -> Cell:
    speed = report.variants[name].speed
    return Cell(f"{speed.batch_1_ms:.1f}" if speed else "")


def _digest(report: Report, name: str) -> Cell:
    row = report.variants[name]
    full, files = digest(row), len(row.files)
    return Cell(full[:_DIGEST_SHOWN], note=f"{files} files" if files > 1 else "", title=full)


_COLUMNS: Mapping[str, Callable[[Report, str], Cell]] = {
    "variant": _name,
    "size MB": _size,
    "nodes": _nodes,
    "attention fused": _fused,
    "largest difference": _largest,
    "mean difference": _mean,
    "equal answers": _answers,
    "Triton": _triton,
    "EM %": _exact_match,
    "F1 %": _f1,
    "F1 to FP32": _f1_difference,
    "windows /s": _windows_per_second,
    "batch 1 ms": _batch_1,
    "GPU windows /s": _gpu_windows_per_second,
    "GPU batch 1 ms": _gpu_batch_1,
    "sha256": _digest,
}
