"""Which variant answers when none is named: by what the CPU can do and what was measured."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from embedded.cpu import Cpu
from embedded.errors import EmbeddedError
from embedded.manifest import FILE_NAME, Manifest, Model, read_manifest

LARGEST_F1_LOSS = 0.5  # percent; who wants a variant that loses more must name it


@dataclass(frozen=True)
class Choice:
    """The model that answers, and why it does."""

    model: str
    reason: str  # as in "electra_qa_onnx_int8 answers, named by MODEL"


def choose(repository: Path, cpu: Cpu) -> Choice:
    """Return the variant of ``repository`` that is best on ``cpu``.

    That is the fastest, if the export measured them on such a machine; else the first of the
    exporter's order whose instructions the CPU has. Raises EmbeddedError when there is none.
    """
    manifest = read_manifest(repository)
    if manifest is None:
        raise EmbeddedError(
            f"which variant answers cannot be chosen: there is no {FILE_NAME} in {repository}; "
            "run make export, or name the model with MODEL="
        )
    exported = {name: model for name, model in manifest.models.items() if model.exists(repository)}
    if not exported:
        raise EmbeddedError(f"{repository} holds no exported model; run make export")
    candidates = {name: model for name, model in exported.items() if _suits(model, cpu)}
    choice = _fastest(manifest, candidates, cpu) or _first(manifest, candidates, cpu)
    if choice is None:
        raise EmbeddedError(
            f"none of the exported models ({', '.join(exported)}) is for this CPU and within "
            f"{LARGEST_F1_LOSS:g} F1 of FP32; name one with MODEL=, or make others with make export"
        )
    return choice


def _suits(model: Model, cpu: Cpu) -> bool:
    return (
        model.device in ("any", "cpu")
        and (not model.cpu_flags or not cpu.flags.isdisjoint(model.cpu_flags))
        and (model.f1_difference is None or model.f1_difference >= -LARGEST_F1_LOSS)
    )


def _fastest(manifest: Manifest, candidates: Mapping[str, Model], cpu: Cpu) -> Choice | None:
    measured = sorted(
        (model.windows_per_second, name)
        for name, model in candidates.items()
        if model.windows_per_second is not None
    )
    if manifest.cpu != cpu.description() or len(measured) < 2:
        return None
    (next_speed, next_best), (speed, best) = measured[-2:]
    return Choice(
        best,
        f"chosen as the fastest of {len(measured)} measured on this CPU ({manifest.cpu}): "
        f"{speed:.1f} windows/s; the next, {next_best}, {next_speed:.1f}",
    )


def _first(manifest: Manifest, candidates: Mapping[str, Model], cpu: Cpu) -> Choice | None:
    for name in manifest.cpu_order:
        if name in candidates:
            flags = ", ".join(sorted(cpu.flags.intersection(candidates[name].cpu_flags)))
            place = f"for a CPU with {flags}, as this one" if flags else "for a CPU like this one"
            return Choice(name, f"chosen as the first, of those exported, {place}")
    return None
