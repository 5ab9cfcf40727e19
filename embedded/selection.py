"""Chooses the variant that answers, by this machine's hardware and the measured speeds."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from embedded.cpu import Cpu
from embedded.errors import EmbeddedError
from embedded.gpu import Gpu
from embedded.report import FILE_NAME, Report, Speed, VariantReport, read_report

LARGEST_F1_LOSS = 0.5  # points; a variant that loses more answers only if it is named


@dataclass(frozen=True)
class Choice:
    """The model that answers, and why it does."""

    model: str
    reason: str  # as in "electra_qa_onnx_int8 answers, named by ELECTRA_QA_MODEL"


def choose(repository: Path, cpu: Cpu, gpu: Gpu | None = None) -> Choice:
    """Return the best variant of ``repository`` for this machine.

    It is one for ``gpu``, if there is a GPU and a variant for it was exported, or else one for
    ``cpu``. If the export measured variants on such a device, the fastest is chosen; otherwise the
    first in the exporter's order that suits the device. Raises EmbeddedError when there is none.
    """
    report = read_report(repository)
    if report is None:
        raise EmbeddedError(
            f"no variant can be chosen: there is no {FILE_NAME} in {repository}; "
            "run make export, or name the model with ELECTRA_QA_MODEL="
        )
    exported = {name: row for name, row in report.variants.items() if row.exists(repository)}
    if not exported:
        raise EmbeddedError(f"{repository} holds no exported model; run make export")
    accurate = {name: row for name, row in exported.items() if _is_accurate(row)}
    choice = _on_gpu(report, accurate, gpu) or _on_cpu(report, accurate, cpu)
    if choice is None:
        raise EmbeddedError(
            f"none of the exported models ({', '.join(exported)}) is for this CPU and within "
            f"{LARGEST_F1_LOSS:g} F1 of FP32; name one with ELECTRA_QA_MODEL=, or make others with "
            "make export"
        )
    return choice


def _is_accurate(row: VariantReport) -> bool:
    return row.accuracy is None or row.accuracy.f1_difference >= -LARGEST_F1_LOSS


def _on_gpu(
    report: Report, exported: Mapping[str, VariantReport], gpu: Gpu | None
) -> Choice | None:
    candidates = [name for name in report.gpu_order if gpu and name in exported]
    if gpu is None or not candidates:
        return None
    if report.gpu == gpu.description() and (
        choice := _fastest(report.gpu_speeds, candidates, f"this GPU ({report.gpu})")
    ):
        return choice
    reason = f"chosen as the first exported variant for a GPU ({gpu.description()})"
    return Choice(candidates[0], reason)


def _on_cpu(report: Report, exported: Mapping[str, VariantReport], cpu: Cpu) -> Choice | None:
    candidates = {name: row for name, row in exported.items() if _suits(row, cpu)}
    if report.cpu == cpu.description() and (
        choice := _fastest(report.cpu_speeds, candidates, f"this CPU ({report.cpu})")
    ):
        return choice
    return _first(report.cpu_order, candidates, cpu)


def _suits(row: VariantReport, cpu: Cpu) -> bool:
    return row.device in ("any", "cpu") and (
        not row.cpu_flags or not cpu.flags.isdisjoint(row.cpu_flags)
    )


def _fastest(
    speeds: Mapping[str, Speed], candidates: Collection[str], device: str
) -> Choice | None:
    measured = sorted(
        (speed.windows_per_second, name) for name, speed in speeds.items() if name in candidates
    )
    if len(measured) < 2:
        return None
    (next_speed, next_best), (speed, best) = measured[-2:]
    return Choice(
        best,
        f"chosen as the fastest of {len(measured)} measured on {device}: "
        f"{speed:.1f} windows/s; the next, {next_best}, {next_speed:.1f}",
    )


def _first(
    order: Sequence[str], candidates: Mapping[str, VariantReport], cpu: Cpu
) -> Choice | None:
    for name in order:
        if name in candidates:
            flags = ", ".join(sorted(cpu.flags.intersection(candidates[name].cpu_flags)))
            kind = f"with {flags}, like this one" if flags else "like this one"
            return Choice(name, f"chosen as the first exported variant for a CPU {kind}")
    return None
