"""NVIDIA's figures as they are published, and the tables that show them beside ours."""

import io

from rich.console import Console

from loadtest.batches.flop import ModelShape
from loadtest.batches.table import batch_tables
from loadtest.published import read_published
from loadtest.result import Accuracy, BatchRow, Device, Environment, Peak, Result, TritonSplit

FIGURES = {
    ("1x A100 40GB", "fp16"): """
        1: 166, 6.035, 5.995, 6.013, 6.029
        256: 886, 276.26, 274.53, 275.276, 275.946
        512: 886, 526.5, 525.014, 525.788, 525.788""",
    ("1x A100 40GB", "tf32"): """
        1: 122, 8.228, 8.171, 8.198, 8.221
        256: 342, 729.293, 727.990, 728.505, 729.027
        512: 350, 1429.314, 1427.719, 1428.550, 1428.550""",
    ("1x T4 16GB", "fp16"): """
        1: 58, 17.413, 17.295, 17.349, 17.395
        128: 185, 677.298, 675.211, 675.674, 676.269
        256: 169, 1451.396, 1445.070, 1447.654, 1450.141""",
}


def test_the_figures_are_those_that_nvidia_published() -> None:
    published = read_published()
    assert published.container == "tensorflow:20.07-tf2-py3"
    assert published.sequence_length == 384
    found = {
        (table.device, table.precision): {
            row.batch: [row.throughput, *vars(row.reading).values()] for row in table.rows
        }
        for table in published.tables
    }
    assert found == {
        key: {
            int(batch): [float(value) for value in values.split(",")]
            for batch, values in (line.split(":") for line in text.strip().splitlines())
        }
        for key, text in FIGURES.items()
    }


def test_what_nvidia_published_is_no_reading_of_percentiles() -> None:
    # a 99th percentile below the mean is possible only for a mean of the fastest
    for table in read_published().tables:
        for row in table.rows:
            assert row.reading.fastest_90 <= row.reading.fastest_99 < row.reading.mean


def row(variant: str, batch: int, ms: float, *, settled: bool = True) -> BatchRow:
    return BatchRow(
        variant=variant,
        batch=batch,
        sequence_length=384,
        input="padded",
        clients=1,
        rounds=((ms,) * 60, (ms,) * 40),
        seconds=100 * ms / 1000,
        warmup_batches=6,
        settled=settled,
        real_tokens=100 * batch * 384,
        flop=100 * batch * 7e10,
        split=TritonSplit(0.01, 0.1, 0.9 * ms, 0.1),
        accuracy=Accuracy(76.5, 85.25, 10570, "report.json, dev-v1.1.json"),
        peak=Peak("fp16", 500.0, 989.5),
    )


def render(*rows: BatchRow) -> str:
    device = Device("gpu", "NVIDIA H100 80GB HBM3", 1, 80 * 2**30, driver="580.0")
    versions = {"triton": "2.51.0", "onnxruntime-gpu": "1.32.0", "numpy": "1.26.4"}
    environment = Environment(device, versions, ("bench",), None, "2026-01-01T00:00:00+00:00", 0.0)
    result = Result("bench", environment, "random electra-base", batches=rows)
    output = io.StringIO()
    console = Console(width=120, file=output)
    for each in batch_tables(result, read_published(), ModelShape(12, 768, 3072, 768)):
        console.print(each, highlight=False)
    return output.getvalue()


def line(text: str, *parts: str) -> str:
    (found,) = (each for each in text.splitlines() if all(part in each for part in parts))
    return found


def test_a_measured_row_stands_beside_those_of_its_batch_and_precision() -> None:
    text = render(row("onnx_fp16", 256, 138.13))
    ours = line(text, "1x A100 40GB, FP16")
    assert "1853 / 886 = 2.09" in ours
    assert "138.1 / 276.26 = 0.5" in ours
    assert "138.1 / 275.946 = 0.501" in ours
    assert "1853 / 169 = 11" in line(text, "1x T4 16GB, FP16")
    assert "TF32" not in text.split("Beside")[1].split("Not the same")[0]


def test_fp32_and_tf32_stand_beside_tf32() -> None:
    for variant in ("onnx_fp32", "savedmodel_tf32"):
        text = render(row(variant, 1, 8.228))
        assert "8.228 / 8.228 = 1" in line(text, "1x A100 40GB, TF32")
        assert "FP16" not in text.split("Beside")[1].split("Not the same")[0]


def test_what_was_never_published_is_said_to_be_so() -> None:
    text = render(row("onnx_fp16", 128, 50.0), row("onnx_fp16", 512, 200.0))
    assert "never published" in line(text, "A100", "FP16", "│ 128 ")
    assert "never published" in line(text, "T4", "FP16", "│ 512 ")


def test_devices_model_and_stack_are_named() -> None:
    text = " ".join(render(row("onnx_fp16", 1, 1.0)).split())
    assert "device: NVIDIA H100 80GB HBM3, there 1x A100 40GB or 1x T4 16GB" in text
    assert "model: random electra-base, 12 layers of 768, there ELECTRA-base, 12 of 768" in text
    assert "stack: triton 2.51.0, onnxruntime-gpu 1.32.0, there tensorflow:20.07-tf2-py3" in text


def test_shares_of_both_peaks_and_the_accuracy_are_shown() -> None:
    shown = line(render(row("onnx_fp16_packed", 512, 100.0)), "990", "onnx_fp16_packed")
    # 512 * 7e10 in 0.1 s are 358.4 TFLOP/s
    assert [cell.strip() for cell in shown.strip("│").split("│")] == [
        *("onnx_fp16_packed", "512", "384", "358", "500", "72%", "990", "36%", "76.50", "85.25"),
    ]


def test_the_widest_tables_fit_120_columns_whole() -> None:
    widest = [
        row("onnx_fp16_packed", 512, 123_456.789, settled=False),
        row("savedmodel_fp32", 1, 9),
    ]
    text = render(*widest)
    assert max(map(len, text.splitlines())) <= 120
    assert "…" not in text
    assert "100 *" in text
    assert "had not settled" in text
