"""The page and the table of a report, from reports that are made by hand."""

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import pytest
from rich.console import Console

from embedded.report import Accuracy, Calibration, Parity, Report, Speed, VariantReport
from export.documents import README, variants_table, with_table
from export.report.figures import digest, short_name
from export.report.page import page
from export.report.plots import (
    Device,
    differences,
    operators,
    sizes,
    speed_and_accuracy,
    speeds,
)
from export.steps import report_table
from export.variants import VARIANTS, Variant, variants_for_gpu
from pages.drawing import Plot, svg
from tests.pages.reader import Reader

HOSTILE = "<script>alert(\"1\")</script> & $x$ '{}'"


def single() -> Report:
    """One variant, without the measurements that are optional."""
    row = _row(VARIANTS[0], 0)
    return _report({VARIANTS[0].model_name: replace(row, accuracy=None, speed=None, triton=None)})


def whole() -> Report:
    """Every variant, measured as far as a machine without a GPU can."""
    return _report({each.model_name: _row(each, number) for number, each in enumerate(VARIANTS)})


def with_a_gpu() -> Report:
    """Every variant; four of them were measured on a GPU too."""
    made = replace(whole(), gpu="NVIDIA A100-SXM4-40GB, 40 GiB")
    speeds = {
        variant.model_name: Speed(2000.0 - 300 * number, 900.0, 2100.0, 1.25 + number, 7)
        for number, variant in enumerate(variants_for_gpu((8, 0)))
    }
    rows = {name: replace(row, gpu_speed=speeds.get(name)) for name, row in made.variants.items()}
    return replace(made, variants=rows)


def hostile() -> Report:
    """Names and texts that would break a page that does not escape them."""
    row = replace(
        _row(VARIANTS[3], 3),
        files={HOSTILE: "ab" * 32, "b": "cd" * 32},
        operators={HOSTILE: 3, "Attention": 6},
        computed_by=HOSTILE,
        triton=HOSTILE,
        accuracy=Accuracy(HOSTILE, 1, 0.0, 0.0, 0.0),
        calibration=Calibration(HOSTILE, HOSTILE),
        fingerprint=HOSTILE,
        created=HOSTILE,
        parity=Parity(1, 0.0, 0.0, 1, 0),  # no difference at all, and no answer either
    )
    return replace(
        _report({HOSTILE: row, "$_{": row}),
        checkpoint=HOSTILE,
        revision=HOSTILE,
        libraries={HOSTILE: HOSTILE},
        cpu=HOSTILE,
        cpu_order=(HOSTILE,),
        gpu=HOSTILE,
        gpu_order=(HOSTILE,),
    )


def _report(variants: dict[str, VariantReport]) -> Report:
    return Report(
        checkpoint="checkpoints/electra-mini-squad",
        revision="0123456789abcdef0123456789abcdef01234567",
        checkpoint_sha256={"config.json": "1f" * 32, "model.safetensors": "2e" * 32},
        tokenizer_sha256="3d" * 32,
        sequence_length=384,
        config={"vocab_size": 30522, "hidden_size": 384, "num_hidden_layers": 6},
        libraries={"onnx": "1.23.2", "onnxruntime": "1.32.0", "openvino": "2026.4.1"},
        cpu="Intel(R) Xeon(R) Processor @ 2.60GHz, 2 cores",
        cpu_order=("electra_qa_openvino_int8", "electra_qa_onnx_fp32"),
        gpu="",
        gpu_order=("electra_qa_onnx_fp16_packed", "electra_qa_onnx_fp16"),
        variants=variants,
    )


def _row(variant: Variant, number: int) -> VariantReport:
    """Return figures that differ in every row, so that each can be looked for."""
    gpu = variant.device == "gpu"
    onnx = variant.format == "onnx"
    largest = variant.tolerance / (3 + number) if variant.tolerance else 0.1 * (1 + number)
    speed = 71.0 + 19 * number
    f1 = round(0.6 - 0.11 * number, 2) if variant.tolerance is None else 0.0
    return VariantReport(
        files={
            f"{variant.folder}/{name}": f"{number:x}{place}" * 32
            for place, name in enumerate(("model.onnx",) if onnx else ("model.xml", "model.bin"))
        },
        size_bytes=90_345_678 // (1 + number % 3),
        device=variant.device,
        cpu_flags=variant.cpu_flags,
        nodes=60 + 21 * number if onnx else None,
        operators={
            "PackedAttention" if gpu else "Attention": 6,
            "SkipLayerNormalization": 12,
            "BiasGelu": 6,
            "LayerNormalization": 1,
            "MatMul": 35 + 21 * number,
        }
        if onnx
        else None,
        parity=Parity(64, largest, largest / 7, 64, 64 - number // 4),
        computed_by="onnx's reference evaluator" if gpu else "ONNX Runtime 1.32.0 on the CPU",
        triton=None if gpu else "2.66.0",
        accuracy=None if gpu else Accuracy("dev-v1.1.json", 10570, 72 + f1, 82.16 + f1, f1),
        speed=None if gpu else Speed(speed, speed - 4, speed + 6, 14.5 - number, 5),
        gpu_speed=None,
        calibration=Calibration("", "5d" * 32) if variant.calibrated else None,
        fingerprint="4c" * 32,
        created=f"2026-01-02T03:04:{number:02}+00:00",
    )


@pytest.fixture(
    scope="module", params=[single, whole, with_a_gpu, hostile], ids=lambda make: make.__name__
)
def report(request: pytest.FixtureRequest) -> Report:
    made: Report = request.param()
    return made


@pytest.fixture(scope="module")
def html(report: Report) -> str:
    return page(report)


def test_page_is_one_well_formed_file(html: str) -> None:
    reader = Reader(html)
    assert reader.tags["script"] == reader.tags["link"] == reader.tags["img"] == 0
    assert {"html", "title", "table", "svg", "figcaption"} <= set(reader.tags)
    for name, value in reader.attributes:
        assert not name.startswith("on")
        if name in ("src", "href", "xlink:href"):
            assert value.startswith("#")
    addresses = set(re.findall(r"https?://[^\s\"'<)]+", html))
    assert addresses <= {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}  # names
    assert "@import" not in html
    assert set(re.findall(r"url\((.)", html)) <= {"#"}


def test_ids_are_the_pages_own(html: str) -> None:
    ids = Reader(html).values("id")
    assert [each for each, number in Counter(ids).items() if number > 1] == []


@pytest.mark.parametrize("make", [whole, with_a_gpu])
def test_every_figure_of_every_variant_is_in_its_row(make: Callable[[], Report]) -> None:
    report = make()
    _, *rows = Reader(page(report)).rows
    for (name, row), cells, variant in zip(report.variants.items(), rows, VARIANTS, strict=True):
        parity = row.parity
        gate = "judged by answers" if variant.tolerance is None else f"gate {variant.tolerance:g}"
        expected = {
            "variant": f"{variant.name} {variant.computes}".replace("`", ""),
            "size MB": f"{row.size_bytes / 1e6:.1f}",
            "largest difference": f"{parity.largest_logit_difference:.1e} {gate}",
            "mean difference": f"{parity.mean_logit_difference:.1e}",
            "equal answers": f"{parity.equal_answers}/64 64 windows",
            "Triton": row.triton or "not on this machine: needs a GPU",
            "computed by": row.computed_by,
        }
        if row.nodes:
            expected |= {"nodes": str(row.nodes), "attention fused": "6/6 19 others"}
        if row.accuracy:
            expected |= {
                "EM %": f"{row.accuracy.exact_match:.2f}",
                "F1 %": f"{row.accuracy.f1:.2f}",
                "F1 to FP32": f"{row.accuracy.f1_difference:+.2f}",
            }
        if row.speed:
            low, high = row.speed.lowest, row.speed.highest
            expected |= {
                "windows /s": f"{row.speed.windows_per_second:.0f} {low:.0f} to {high:.0f}",
                "batch 1 ms": f"{row.speed.batch_1_ms:.1f}",
            }
        if row.gpu_speed:
            rate = f"{row.gpu_speed.windows_per_second:.0f} 900 to 2100"
            batch_1 = f"{row.gpu_speed.batch_1_ms:.2f}"
            expected |= {"GPU windows /s": rate, "GPU batch 1 ms": batch_1}
        found = {head: " ".join(text.split()) for head, text in cells.items()}
        assert found.pop("sha256").startswith(digest(row)[:8])
        assert found == expected, name


def test_sources_and_full_digests_are_in_the_page(report: Report, html: str) -> None:
    texts = "".join(Reader(html).texts)
    for row in report.variants.values():
        for path, sha256 in row.files.items():
            assert path in texts
            assert sha256 in texts
        assert row.created in texts
    for fact in (report.checkpoint, report.revision, report.tokenizer_sha256, report.cpu):
        assert fact is not None
        assert fact in texts
    for names in (report.checkpoint_sha256, report.libraries, report.config):
        for name, value in names.items():
            assert name in texts
            assert str(value) in texts


def test_hostile_names_are_text() -> None:
    reader = Reader(page(hostile()))
    assert reader.tags["script"] == 0
    texts = "".join(reader.texts)
    # in the plots, the table, the facts and the details
    assert texts.count(HOSTILE) > 10


def test_what_nobody_measured_has_no_column() -> None:
    _, row = Reader(page(single())).rows
    assert set(row) == {
        *("variant", "size MB", "largest difference", "mean difference", "equal answers"),
        *("Triton", "sha256", "computed by"),
    }
    assert row["Triton"].strip() == "not asked"


def test_plots_draw_every_variant(report: Report) -> None:
    names = {short_name(name) for name in report.variants}
    for plot in (differences(report), sizes(report)):
        reader = Reader(svg(plot))
        assert names <= {text.strip() for text in reader.texts}
        assert reader.tags["path"] > len(names)


def test_plots_of_what_was_measured() -> None:
    report = with_a_gpu()
    measured: dict[Device, dict[str, Speed]] = {"CPU": report.cpu_speeds, "GPU": report.gpu_speeds}
    for device, found in measured.items():
        names = {short_name(name) for name in found}
        accurate = {short_name(name) for name in found if report.variants[name].accuracy}
        assert len(names) > 1
        assert names <= _texts(speeds(report, device))
        assert accurate <= _texts(speed_and_accuracy(report, device))
    graphs = {short_name(name): row.nodes for name, row in report.variants.items() if row.nodes}
    assert {*graphs, *map(str, graphs.values())} <= _texts(operators(report))


def _texts(plot: Plot | None) -> set[str]:
    """Return the texts of a plot that is there."""
    assert plot
    return {text.strip() for text in Reader(svg(plot)).texts}


def test_no_plot_of_what_was_not() -> None:
    report = single()
    assert speed_and_accuracy(report, "CPU") is None
    assert speeds(report, "CPU") is None
    assert operators(report) is None


def test_speed_alone_without_a_dataset() -> None:
    report = whole()
    rows = {name: replace(row, accuracy=None) for name, row in report.variants.items()}
    report = replace(report, variants=rows)
    assert speed_and_accuracy(report, "CPU") is None
    alone = speeds(report, "CPU")
    assert alone
    assert svg(alone) in page(report)


@pytest.mark.parametrize("name", ["savedmodel_fp32", "onnx_fp16"])
def test_gate_stands_where_it_is(name: str) -> None:
    """A difference of exactly the gate is drawn at the gate's own place."""
    (variant,) = (each for each in VARIANTS if each.name == name)
    row = _row(variant, 0)
    assert variant.tolerance is not None
    parity = Parity(64, variant.tolerance, variant.tolerance, 64, 64)
    drawn = svg(differences(_report({variant.model_name: replace(row, parity=parity)})))
    line = r'd="M ([\d.]+) [\d.]+ \nL \1 [\d.]+ \n"[^>]*stroke: var\(--limit\)'
    (gate,) = re.findall(line, drawn)
    marks = re.findall(r'<use [^>]*x="([\d.]+)"[^>]*fill: var\(--series-\d\)', drawn)
    assert gate in marks


def test_plots_are_the_same_in_every_run() -> None:
    assert page(whole()) == page(whole())


def _printed(report: Report) -> str:
    console = Console(width=120)
    with console.capture() as capture:
        console.print(report_table(report))
    return capture.get()


def test_table_fits_the_screen() -> None:
    text = _printed(whole())
    lines = text.splitlines()
    assert "…" not in text
    for (name, row), line in zip(whole().variants.items(), lines[-10:], strict=True):
        cells = line.split()
        assert cells[0] == short_name(name)
        assert cells[-1] == digest(row)[:8]
        assert f"{row.parity.largest_logit_difference:.1e}" in cells
        assert len(cells) == 14


def test_table_of_a_gpu_fits_the_screen() -> None:
    text = _printed(with_a_gpu())
    assert "…" not in text
    assert "2000" in text.split()


def test_the_page_names_the_gpu_and_the_fastest_on_it() -> None:
    texts = " ".join(Reader(page(with_a_gpu())).texts)
    assert "Fastest, on the GPU of the export" in texts
    assert "The model alone on NVIDIA A100-SXM4-40GB, 40 GiB" in texts
    assert "on the GPU" not in " ".join(Reader(page(whole())).texts)


def test_table_leaves_out_what_nobody_measured() -> None:
    assert len(_printed(single()).splitlines()[-1].split()) == 6


def test_table_prints_markup_as_it_is() -> None:
    report = replace(whole(), checkpoint="[bold]checkpoint[/bold]")
    assert "[bold]checkpoint[/bold]" in _printed(report)


def test_readme_holds_the_table_of_variants() -> None:
    text = README.read_text(encoding="utf-8")
    assert text == with_table(text), "run python -m export.documents"
    _, _, *rows = variants_table().splitlines()
    assert [row.split("`")[1] for row in rows] == [variant.name for variant in VARIANTS]


def test_a_stale_table_is_noticed() -> None:
    text = README.read_text(encoding="utf-8")
    stale = text.replace("| `onnx_int8` | `model.onnx` |", "| `onnx_int4` | `model.onnx` |")
    assert stale != text
    assert with_table(stale) == text
