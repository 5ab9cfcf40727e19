"""``report.html``: a report as a page with plots."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from embedded.report import Calibration, Report, VariantReport
from export.report.figures import datasets, digest, rows, short_name
from export.report.plots import plots
from pages.page import Facts, Page, Tile, html
from pages.table import Cell, Table

_BY = "computed by"  # the head of the column that only the page has room for


def page(report: Report) -> str:
    """Return the page, in one file that needs nothing else."""
    details = tuple(_detail(name, row) for name, row in report.variants.items())
    return html(
        Page(
            subject="Export to a Triton model repository",
            heading=Path(report.checkpoint).name,
            lead=_lead(report),
            tiles=tuple(_tiles(report)),
            plots=tuple(plots(report)),
            tables=(_table(report),),
            facts={"What it was made from": (_source(report),), "In full": details},
        )
    )


def _lead(report: Report) -> str:
    number = len(report.variants)
    variants = "One variant" if number == 1 else f"{number} variants"
    return (
        f"{variants} of one ELECTRA checkpoint for question answering, at "
        f"{report.sequence_length} tokens. Each was compared with the FP32 reference on windows of "
        "real text before it was written here; one that misses its gate fails the export."
    )


def _tiles(report: Report) -> Iterator[Tile]:
    rows = report.variants
    answered = sum(row.triton is not None for row in rows.values())
    yield Tile("Loaded and asked by a real Triton", f"{answered} of {len(rows)}", "variants")
    equal = sum(row.parity.equal_answers for row in rows.values())
    answers = sum(row.parity.answers for row in rows.values())
    yield Tile("Same answer as the reference", f"{equal} of {answers}", "all variants together")
    small = min(rows, key=lambda name: rows[name].size_bytes)
    yield Tile("Smallest", f"{rows[small].size_bytes / 1e6:.1f} MB", short_name(small))
    for device, each in (("CPU", report.cpu_speeds), ("GPU", report.gpu_speeds)):
        if each:
            fast = max(each, key=lambda name: each[name].windows_per_second)
            yield Tile(
                f"Fastest, on the {device} of the export",
                f"{each[fast].windows_per_second:.0f} windows/s",
                short_name(fast),
            )


def _table(report: Report) -> Table:
    legend = (
        "Differences are of logits at real tokens. Equal answers are the same characters of the "
        "context as the reference's best answer. Triton is the version of the server that loaded "
        "the variant and answered."
    )
    if dataset := datasets(report):
        legend += f" EM and F1 are SQuAD's, on {dataset}."
    if any(row.speed for row in report.variants.values()):
        legend += " Batch 1 is the median time of a single window."
    shown = tuple(
        {**figures, _BY: Cell(row.computed_by)}
        for figures, row in zip(rows(report), report.variants.values(), strict=True)
    )
    return Table("Every variant", legend, shown, classes={"sha256": "digest", _BY: "words"})


def _source(report: Report) -> Facts:
    created = [row.created for row in report.variants.values()]
    values: dict[str, str | tuple[str, ...]] = {
        "Checkpoint": f"`{report.checkpoint}`",
        "Revision": f"`{report.revision}`" if report.revision else "",
        "Notices": report.notices,
        "Its files, sha256": _files(report.checkpoint_sha256),
        "Tokenizer, sha256": f"`{report.tokenizer_sha256}`",
        "Model": ", ".join(f"{key} {value}" for key, value in report.config.items()),
        "Exported": " to ".join(dict.fromkeys((min(created), max(created)))),
        "On": f"{report.cpu}; {report.gpu}" if report.gpu else report.cpu,
        "With": ", ".join(f"{name} {each}" for name, each in report.libraries.items()),
        "Served on a CPU": _order(report),
    }
    return Facts(values)


def _order(report: Report) -> str:
    """Return which variants the gateway prefers without a GPU."""
    names = [short_name(name) for name in report.cpu_order]
    return (
        f"the fastest, if two or more were measured on such a CPU; else the first of these that "
        f"the CPU has the instructions for: {', '.join(names)}"
    )


def _detail(name: str, row: VariantReport) -> Facts:
    operators = sorted((row.operators or {}).items(), key=lambda each: (-each[1], each[0]))
    values: dict[str, str | tuple[str, ...]] = {
        "Runs on": _device(row),
        "Operators": ", ".join(f"{number} {kind}" for kind, number in operators),
        "Files, sha256": _files(row.files),
        "All files, sha256": f"`{digest(row)}`" if len(row.files) > 1 else "",
        "Calibrated on": _calibration(row.calibration) if row.calibration else "",
        "Fingerprint of inputs": f"`{row.fingerprint}`",
        "Made": row.created,
    }
    return Facts(values, title=name)


def _calibration(calibration: Calibration) -> str:
    return f"{calibration.file or 'the sample of this project'} `{calibration.sha256}`"


def _device(row: VariantReport) -> str:
    device = {"any": "CPU and GPU", "cpu": "CPU", "gpu": "GPU"}[row.device]
    return f"{device} with {' or '.join(row.cpu_flags)}" if row.cpu_flags else device


def _files(digests: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(f"{path} `{sha256}`" for path, sha256 in digests.items())
