"""What an export holds: its ``report.json``, and the configs of its models."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from google.protobuf import json_format, text_format  # type: ignore[import-untyped]

from embedded.errors import EmbeddedError
from embedded.protocol import model_config_pb2
from embedded.report import FILE_NAME, read_report
from loadtest.batches.flop import ModelShape, read_shape
from loadtest.errors import LoadTestError
from loadtest.result import Accuracy

PREFIX = "electra_qa_"  # of model names in Triton


@dataclass(frozen=True)
class Exported:
    """A model repository that the exporter made."""

    checkpoint: str
    sequence_length: int
    shape: ModelShape
    accuracies: Mapping[str, Accuracy]  # by variant, where the exporter measured it
    devices: Mapping[str, str]  # "any", "cpu" or "gpu", by variant; only where its files exist

    def runnable(self, *, has_gpu: bool) -> tuple[str, ...]:
        """Return the variants for this machine's device, without duplicates.

        A CPU has no TF32: a TF32 variant computes the same as the FP32 one there, and is left out.
        """
        wanted = ("any", "gpu" if has_gpu else "cpu")
        return tuple(
            variant
            for variant, device in self.devices.items()
            if device in wanted and (has_gpu or not variant.endswith("tf32"))
        )


def model_name(variant: str) -> str:
    """Return the model name in Triton of ``variant``, which may be that name already."""
    return PREFIX + variant.removeprefix(PREFIX)


def read_exported(repository: Path) -> Exported | None:
    """Return what ``repository`` holds; None when the exporter did not make it.

    Raises LoadTestError when its report cannot be read.
    """
    try:
        report = read_report(repository)
    except EmbeddedError as error:
        raise LoadTestError(str(error)) from error
    if report is None:
        return None
    return Exported(
        checkpoint=report.checkpoint,
        sequence_length=report.sequence_length,
        shape=read_shape(report.config, repository / FILE_NAME),
        accuracies={
            name.removeprefix(PREFIX): Accuracy(
                row.accuracy.exact_match,
                row.accuracy.f1,
                row.accuracy.questions,
                f"{FILE_NAME}, {row.accuracy.dataset}",
            )
            for name, row in report.variants.items()
            if row.accuracy
        },
        devices={
            name.removeprefix(PREFIX): row.device
            for name, row in report.variants.items()
            if row.exists(repository)
        },
    )


def backend_args(folder: Path) -> dict[str, str]:
    """Return what Triton passes to the backend of the model in ``folder``, without the device.

    Raises LoadTestError when there is no such model, or its config cannot be read.
    """
    path = folder / "config.pbtxt"
    try:
        config = text_format.Parse(path.read_text(), model_config_pb2.ModelConfig())
    except OSError as error:
        raise LoadTestError(f"{path}: {error.strerror}; run make export") from error
    except text_format.ParseError as error:
        raise LoadTestError(f"{path} cannot be read: {error}") from error
    return {
        "model_config": json_format.MessageToJson(config, preserving_proto_field_name=True),
        "model_repository": str(folder),
        "model_version": "1",
    }
