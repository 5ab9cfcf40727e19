"""``report.html``: a report as a page with plots, in one file that needs nothing else."""

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Literal

from embedded.report import Report, VariantReport
from export.report.drawing import COLOURS
from export.report.figures import datasets, digest, joined, short_name
from export.report.page_table import table
from export.report.plots import differences, operators, sizes, speed_and_accuracy, speeds

STYLE = Path(__file__).parent / "page.css"
_GROUND = {"ground": ("#ffffff", "#14191f"), "card": ("#f5f7f9", "#1d242b")}


def page(report: Report) -> str:
    """Return the page; plots and style are in it, and it works without a network or scripts."""
    title = f"{Path(report.checkpoint).name}: export report"
    return "\n".join(
        (
            "<!DOCTYPE html>",
            '<html lang="en">',
            "<head>",
            '<meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<meta name="color-scheme" content="light dark">',
            f"<title>{escape(title)}</title>",
            f"<style>\n{_colours()}{STYLE.read_text(encoding='utf-8')}</style>",
            "</head>",
            "<body>",
            _head(report),
            _plots(report),
            table(report),
            _source(report),
            _details(report),
            "</body>",
            "</html>\n",
        )
    )


def _colours() -> str:
    """Return the colours as CSS variables; paper is light whatever the screen was."""
    both = COLOURS | _GROUND
    light = " ".join(f"--{name}: {value};" for name, (value, _) in both.items())
    dark = " ".join(f"--{name}: {value};" for name, (_, value) in both.items())
    return (
        f":root {{ color-scheme: light dark; {light} }}\n"
        f"@media screen and (prefers-color-scheme: dark) {{ :root {{ {dark} }} }}\n"
    )


def _head(report: Report) -> str:
    number = len(report.variants)
    variants = "One variant" if number == 1 else f"{number} variants"
    return (
        '<header><p class="eyebrow">Export to a Triton model repository</p>'
        f"<h1>{escape(Path(report.checkpoint).name)}</h1>"
        f'<p class="lead">{variants} of one ELECTRA checkpoint for question answering, at '
        f"{report.sequence_length} tokens. Each was compared with the FP32 reference on windows of "
        f"real text before it was written here; one that misses its gate fails the export.</p>"
        f'<dl class="tiles">{"".join(_tiles(report))}</dl></header>'
    )


def _tiles(report: Report) -> Iterator[str]:
    rows = report.variants
    answered = sum(row.triton is not None for row in rows.values())
    yield _tile("Loaded and asked by a real Triton", f"{answered} of {len(rows)}", "variants")
    equal = sum(row.parity.equal_answers for row in rows.values())
    answers = sum(row.parity.answers for row in rows.values())
    yield _tile("Same answer as the reference", f"{equal} of {answers}", "all variants together")
    small = min(rows, key=lambda name: rows[name].size_bytes)
    yield _tile("Smallest", f"{rows[small].size_bytes / 1e6:.1f} MB", short_name(small))
    for device, each in (("CPU", report.cpu_speeds), ("GPU", report.gpu_speeds)):
        if each:
            fast = max(each, key=lambda name: each[name].windows_per_second)
            yield _tile(
                f"Fastest, on the {device} of the export",
                f"{each[fast].windows_per_second:.0f} windows/s",
                short_name(fast),
            )


def _tile(head: str, value: str, note: str) -> str:
    return (
        f"<div><dt>{escape(head)}</dt>"
        f'<dd>{escape(value)}<span class="note">{escape(note)}</span></dd></div>'
    )


def _plots(report: Report) -> str:
    rows = report.variants.values()
    windows = joined(str(row.parity.windows) for row in rows)
    figures = [
        _figure(
            "How far the logits are from the reference",
            differences(report),
            f"Start and end logits of {windows} windows of real text, of mixed length and "
            f"right-padded, against the FP32 reference; padding is not compared. A variant beyond "
            f"its red mark would have failed the export. Those without a mark quantize or round "
            f"on purpose, and are judged by their answers.",
        ),
        _figure(
            "Size",
            sizes(report),
            "The files that Triton loads for each variant, in megabytes of a million bytes.",
        ),
        _speed(report, "CPU"),
        _speed(report, "GPU"),
        _figure(
            "What the ONNX graphs are made of",
            operators(report),
            "Nodes by operator. A fused node does the work of many: every attention layer must be "
            "one, or the export fails. The rest are matrix products, casts, and scaling to int8.",
        ),
    ]
    return f'<section><h2>At a glance</h2><div class="plots">{"".join(figures)}</div></section>'


def _figure(title: str, svg: str | None, caption: str) -> str:
    if svg is None:
        return ""
    return (
        f"<figure><h3>{escape(title)}</h3>{svg}<figcaption>{escape(caption)}</figcaption></figure>"
    )


def _speed(report: Report, device: Literal["CPU", "GPU"]) -> str:
    if device == "CPU":
        name, measured = report.cpu, report.cpu_speeds
    else:
        name, measured = report.gpu, report.gpu_speeds
    rounds = joined(str(speed.rounds) for speed in measured.values())
    caption = (
        f"The model alone on {name}: median windows per second of {rounds} rounds, in which "
        f"the variants take turns, with rows sorted by length and no padding computed. The line "
        f"through a mark spans the slowest and the fastest round."
    )
    if both := speed_and_accuracy(report, measured, device):
        caption += (
            f" Up is more accurate: F1 on {datasets(report)}, less that of the FP32 graph, which "
            f"is the dashed line. To the right is faster."
        )
        return _figure(f"Speed against accuracy on the {device}", both, caption)
    return _figure(f"Speed on the {device}", speeds(measured, device), caption)


def _source(report: Report) -> str:
    created = [row.created for row in report.variants.values()]
    facts = {
        "Checkpoint": _code(report.checkpoint),
        "Revision": _code(report.revision) if report.revision else "",
        "Notices": _list(report.notices),
        "Its files, sha256": _files(report.checkpoint_sha256),
        "Tokenizer, sha256": _code(report.tokenizer_sha256),
        "Model": escape(", ".join(f"{key} {value}" for key, value in report.config.items())),
        "Exported": escape(" to ".join(dict.fromkeys((min(created), max(created))))),
        "On": escape(f"{report.cpu}; {report.gpu}" if report.gpu else report.cpu),
        "With": escape(", ".join(f"{name} {each}" for name, each in report.libraries.items())),
        "Served on a CPU": escape(_order(report)),
    }
    return f"<section><h2>What it was made from</h2>{_facts(facts)}</section>"


def _order(report: Report) -> str:
    """Return which variants the gateway prefers where there is no GPU."""
    names = [short_name(name) for name in report.cpu_order]
    return (
        f"the fastest, if two or more were measured on a CPU like it; else the first of these that "
        f"it has the instructions for: {', '.join(names)}"
    )


def _details(report: Report) -> str:
    parts = (_detail(name, row) for name, row in report.variants.items())
    return f"<section><h2>In full</h2>{''.join(parts)}</section>"


def _detail(name: str, row: VariantReport) -> str:
    operators = sorted((row.operators or {}).items(), key=lambda each: (-each[1], each[0]))
    facts = {
        "Runs on": escape(_device(row)),
        "Operators": escape(", ".join(f"{number} {kind}" for kind, number in operators)),
        "Files, sha256": _files(row.files),
        "All files, sha256": _code(digest(row)) if len(row.files) > 1 else "",
        "Fingerprint of inputs": _code(row.fingerprint),
        "Made": escape(row.created),
    }
    return f"<details><summary>{escape(name)}</summary>{_facts(facts)}</details>"


def _device(row: VariantReport) -> str:
    device = {"any": "CPU and GPU", "cpu": "CPU", "gpu": "GPU"}[row.device]
    return f"{device} with {' or '.join(row.cpu_flags)}" if row.cpu_flags else device


def _list(sentences: Sequence[str]) -> str:
    items = "".join(f"<li>{escape(each)}</li>" for each in sentences)
    return items and f"<ul>{items}</ul>"


def _files(digests: Mapping[str, str]) -> str:
    items = (f"<li>{escape(path)} {_code(sha256)}</li>" for path, sha256 in digests.items())
    return f"<ul>{''.join(items)}</ul>"


def _facts(facts: Mapping[str, str]) -> str:
    """Return a list of facts, whose values are HTML already; those without a value are left out."""
    pairs = (f"<dt>{escape(head)}</dt><dd>{html}</dd>" for head, html in facts.items() if html)
    return f'<dl class="facts">{"".join(pairs)}</dl>'


def _code(text: str) -> str:
    return f"<code>{escape(text)}</code>"
