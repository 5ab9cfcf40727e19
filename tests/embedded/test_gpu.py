"""The GPU that a simulated NVML shows, and where a model goes that cannot use it."""

from importlib import metadata
from pathlib import Path

import pytest
from google.protobuf import text_format  # type: ignore[import-untyped]

from embedded import layout
from embedded.gpu import main, read_gpu, serving_gpu
from embedded.packages import ONNXRUNTIME, has_cuda, installed, library
from embedded.protocol import model_config_pb2
from tests.simulated_gpu import A100, simulate_nvml

KINDS = model_config_pb2.ModelInstanceGroup


def install(monkeypatch: pytest.MonkeyPatch, *packages: str) -> None:
    """Have these packages installed, and no others."""

    def version(name: str) -> str:
        if name not in packages:
            raise metadata.PackageNotFoundError(name)
        return "1.2.3"

    monkeypatch.setattr("embedded.packages.version", version)


@pytest.fixture
def a100(monkeypatch: pytest.MonkeyPatch) -> None:
    simulate_nvml(monkeypatch, A100)


@pytest.mark.usefixtures("a100")
def test_the_gpu_by_nvml(monkeypatch: pytest.MonkeyPatch) -> None:
    assert read_gpu() == A100
    assert A100.description() == "NVIDIA A100-SXM4-40GB, 40 GiB"
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert read_gpu() is None


@pytest.mark.usefixtures("a100")
def test_a_gpu_serves_where_the_runtime_is_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, "onnxruntime")
    assert serving_gpu() is None
    install(monkeypatch, "onnxruntime-gpu")
    assert serving_gpu() == A100


@pytest.mark.usefixtures("a100")
def test_the_command_says_which_gpu_or_why_none(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    install(monkeypatch, "onnxruntime-gpu")
    assert main() == 0
    assert capsys.readouterr().out == "NVIDIA A100-SXM4-40GB, 40 GiB\n"
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert main() == 1
    assert capsys.readouterr().err.endswith("NVML finds none\n")
    install(monkeypatch, "onnxruntime")
    assert main() == 1
    assert capsys.readouterr().err.endswith("run make setup GPU=1\n")


def test_either_package_of_onnxruntime(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, "onnxruntime")
    assert library(ONNXRUNTIME) == "onnxruntime 1.2.3"
    install(monkeypatch, "onnxruntime-gpu", "numpy")
    assert library(ONNXRUNTIME) == "onnxruntime-gpu 1.2.3"
    assert installed("numpy", "torch") == {"numpy": "1.2.3"}
    install(monkeypatch)
    with pytest.raises(metadata.PackageNotFoundError, match="onnxruntime-gpu or onnxruntime"):
        library(ONNXRUNTIME)


def laid_out(folder: Path, backend: str, kind: str) -> int:
    """The kind of a model's instances, as Triton reads them."""
    model = folder / "repository" / "model"
    (model / "1").mkdir(parents=True)
    (model / "1" / "model.onnx").write_text("weights")
    group = f"instance_group {{ count: 2 {kind} }}"
    (model / "config.pbtxt").write_text(f'# ours\nbackend: "{backend}"\n{group}\n')
    (folder / "models").mkdir()
    layout._lay_out_model(folder / "models" / "model", model)
    shown = folder / "models" / "model"
    assert (shown / "1" / "model.onnx").read_text() == "weights"
    config = text_format.Parse((shown / "config.pbtxt").read_text(), model_config_pb2.ModelConfig())
    (group,) = config.instance_group
    assert group.count == 2
    return int(group.kind)


@pytest.mark.parametrize(
    ("package", "backend", "kind", "found"),
    [
        ("onnxruntime-gpu", "onnxruntime", "", KINDS.KIND_AUTO),
        ("onnxruntime-gpu", "tensorflow", "", KINDS.KIND_CPU),  # tensorflow-cpu beside a GPU
        ("onnxruntime-gpu", "tensorflow", "kind: KIND_GPU", KINDS.KIND_GPU),  # it is refused
        ("onnxruntime", "onnxruntime", "", KINDS.KIND_CPU),
        ("onnxruntime-gpu", "openvino", "kind: KIND_CPU", KINDS.KIND_CPU),
    ],
)
def test_a_model_whose_runtime_has_no_cuda_says_it_is_on_the_cpu(
    package: str,
    backend: str,
    kind: str,
    found: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    install(monkeypatch, package, "tensorflow-cpu")
    assert has_cuda(backend) is (package == "onnxruntime-gpu" and backend == "onnxruntime")
    assert laid_out(tmp_path, backend, kind) == found
