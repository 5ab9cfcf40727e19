from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from embedded.cpu import Cpu
from embedded.errors import EmbeddedError
from embedded.gpu import Gpu
from embedded.selection import choose
from tests.report import Row, write_report

CPU = Cpu("AMD EPYC", "family 25 model 17 stepping 1", frozenset({"avx2", "avx512_vnni"}), 2)
PLAIN = replace(CPU, flags=frozenset({"avx2"}))
ORDER = ("static", "bf16", "dynamic", "float")
GPU = Gpu("NVIDIA A100-SXM4-40GB", (8, 0), 40 * 2**30, "580.1")
GPU_ORDER = ("packed", "half", "float")
ROWS = {
    "static": Row(device="cpu", cpu_flags=("avx512_vnni", "avx_vnni")),
    "bf16": Row(device="cpu", cpu_flags=("avx512_bf16", "amx_bf16")),
    "dynamic": Row(device="cpu"),
    "float": Row(device="any"),
    "packed": Row(device="gpu"),
}


def repository_of(
    folder: Path, rows: Mapping[str, Row], measured_on: str = "", gpu: str = ""
) -> Path:
    for name in rows:
        (folder / name / "1").mkdir(parents=True)
        (folder / name / "1" / "model.onnx").write_text(name)
    write_report(folder, rows, cpu=measured_on, cpu_order=ORDER, gpu=gpu, gpu_order=GPU_ORDER)
    return folder


def measured(**speeds: float) -> dict[str, Row]:
    return {name: replace(ROWS[name], windows_per_second=speed) for name, speed in speeds.items()}


def test_the_fastest_of_those_measured_on_this_cpu(tmp_path: Path) -> None:
    speeds = {"dynamic": 130.2, "float": 75.1, "static": 80.0, "packed": 900.0, "bf16": 500.0}
    repository = repository_of(tmp_path, measured(**speeds), CPU.description())
    choice = choose(repository, CPU)
    assert choice.model == "dynamic"
    assert choice.reason == (
        f"chosen as the fastest of 3 measured on this CPU ({CPU.description()}): "
        "130.2 windows/s; the next, static, 80.0"
    )


def test_what_was_measured_on_another_cpu_does_not_count(tmp_path: Path) -> None:
    repository = repository_of(tmp_path, measured(dynamic=130, static=80), PLAIN.description())
    assert choose(repository, CPU).model == "static"


def test_one_measured_variant_is_compared_with_nothing(tmp_path: Path) -> None:
    rows = {**ROWS, **measured(float=75)}
    assert choose(repository_of(tmp_path, rows, CPU.description()), CPU).model == "static"


def test_the_first_in_order_for_what_the_cpu_has(tmp_path: Path) -> None:
    repository = repository_of(tmp_path, ROWS)
    choice = choose(repository, CPU)
    assert choice.model == "static"
    assert choice.reason == (
        "chosen as the first exported variant for a CPU with avx512_vnni, like this one"
    )
    assert choose(repository, replace(CPU, flags=frozenset({"amx_bf16"}))).model == "bf16"
    plain = choose(repository, PLAIN)
    assert plain.model == "dynamic"
    assert plain.reason == "chosen as the first exported variant for a CPU like this one"


def test_what_is_not_there_is_not_chosen(tmp_path: Path) -> None:
    repository = repository_of(tmp_path, ROWS)
    (repository / "static" / "1" / "model.onnx").unlink()
    assert choose(repository, CPU).model == "dynamic"
    (repository / "dynamic" / "1" / "model.onnx").unlink()
    assert choose(repository, CPU).model == "float"


@pytest.mark.parametrize(("f1_difference", "model"), [(-0.51, "dynamic"), (-0.5, "static")])
def test_what_loses_too_much_must_be_named(
    f1_difference: float, model: str, tmp_path: Path
) -> None:
    rows = {**ROWS, **measured(static=245, dynamic=130)}
    rows["static"] = replace(rows["static"], f1_difference=f1_difference)
    rows["dynamic"] = replace(rows["dynamic"], f1_difference=-0.1)
    rows["float"] = replace(rows["float"], windows_per_second=75)
    assert choose(repository_of(tmp_path, rows, CPU.description()), CPU).model == model
    write_report(tmp_path, rows, cpu="another", cpu_order=ORDER)
    assert choose(tmp_path, CPU).model == model


def test_nothing_for_a_cpu(tmp_path: Path) -> None:
    repository = repository_of(tmp_path, {name: ROWS[name] for name in ("packed", "bf16")})
    with pytest.raises(EmbeddedError) as refused:
        choose(repository, CPU)
    assert "none of the exported models (packed, bf16) is for this CPU" in str(refused.value)
    assert "ELECTRA_QA_MODEL=" in str(refused.value)


def test_nothing_exported(tmp_path: Path) -> None:
    with pytest.raises(EmbeddedError, match=r"no report\.json in .*; run make export, or name"):
        choose(tmp_path, CPU)
    repository = repository_of(tmp_path, {"float": ROWS["float"]})
    (repository / "float" / "1" / "model.onnx").unlink()
    with pytest.raises(EmbeddedError, match="holds no exported model; run make export"):
        choose(repository, CPU)


def on_gpu(**speeds: float) -> dict[str, Row]:
    """Rows of which these were measured on a GPU; what is fast on a CPU is beside them."""
    devices = {"packed": "gpu", "half": "any", "float": "any"}
    fast = {"static": replace(ROWS["static"], windows_per_second=5000)}
    return fast | {
        name: Row(device=devices[name], gpu_windows_per_second=speed)
        for name, speed in speeds.items()
    }


def test_the_fastest_of_those_measured_on_this_gpu(tmp_path: Path) -> None:
    rows = on_gpu(packed=2100.0, half=2400.5, float=600.0)
    repository = repository_of(tmp_path, rows, CPU.description(), GPU.description())
    assert choose(repository, CPU, GPU).model == "half"
    assert choose(repository, CPU, GPU).reason == (
        "chosen as the fastest of 3 measured on this GPU (NVIDIA A100-SXM4-40GB, 40 GiB): "
        "2400.5 windows/s; the next, packed, 2100.0"
    )
    assert choose(repository, CPU).model == "static"  # the GPU is hidden, or not to be used


def test_what_was_measured_on_another_gpu_does_not_count(tmp_path: Path) -> None:
    repository = repository_of(tmp_path, on_gpu(packed=10.0, half=2400.5), gpu="Tesla T4, 15 GiB")
    choice = choose(repository, CPU, GPU)
    assert choice.model == "packed"
    assert choice.reason == (
        "chosen as the first exported variant for a GPU (NVIDIA A100-SXM4-40GB, 40 GiB)"
    )


def test_a_gpu_for_which_nothing_was_exported_is_left_alone(tmp_path: Path) -> None:
    repository = repository_of(tmp_path, {name: ROWS[name] for name in ("static", "dynamic")})
    assert choose(repository, CPU, GPU).model == "static"


def test_a_gpu_variant_that_loses_too_much_must_be_named(tmp_path: Path) -> None:
    rows = on_gpu(packed=2100.0, half=900.0, float=600.0)
    rows["packed"] = replace(rows["packed"], f1_difference=-0.6)
    repository = repository_of(tmp_path, rows, gpu=GPU.description())
    assert choose(repository, CPU, GPU).model == "half"
