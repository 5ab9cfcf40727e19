"""An export from end to end: read, convert, prove, and put into the repository."""

import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from embedded.cpu import read_cpu
from embedded.digest import sha256
from embedded.gpu import Gpu
from embedded.report import FILE_NAME as REPORT
from embedded.report import TOKENIZER, Calibration, Report, Speed, VariantReport
from export.calibration import calibration_on
from export.checkpoint.reader import Checkpoint
from export.errors import ExportError
from export.fingerprint import checkpoint_digests, fingerprints, library_versions
from export.freshness import previous_report
from export.graphs.conversion import Materials, make, source_file, trace
from export.isolation import isolated
from export.proof.gates import FP32, Baseline, Proof, Step, evaluate_file, prove, proven_as
from export.proof.parity import ReferenceQuestion, reference_questions
from export.proof.runtime import runs_here, runtime_name
from export.proof.speed import measure_speed
from export.proof.triton_check import asking_triton
from export.report.page import page
from export.repository import PAGE, commit, staging
from export.triton_config import write_config
from export.variants import (
    CPU_ORDER,
    GPU_ORDER,
    MODEL_VERSION,
    VARIANTS,
    Variant,
    variant_named,
    variants_for_cpu,
    variants_for_gpu,
)

SHORTEST_SEQUENCE = 16  # room for a question, a context and three special tokens


@dataclass(frozen=True)
class Request:
    """What to export, and where to."""

    checkpoint: Checkpoint
    variants: tuple[Variant, ...]
    repository: Path
    sequence_length: int
    calibration: Path  # SQuAD file on which static int8 measures its scales
    dataset: Path | None = None  # SQuAD file, for EM and F1
    name: str = ""  # the checkpoint as the user named it; its path if left out
    revision: str | None = None  # of the Hugging Face hub
    gpu: Gpu | None = None  # this machine's, if Triton computes on it


def export(request: Request, step: Step) -> Report:
    """Make the variants of ``request`` and put all of them into its repository, or none.

    Other variants in the repository stay if they have the same checkpoint and sequence length;
    if not, their model files are removed. ``step`` announces each step. Raises ExportError when
    a gate fails or a file cannot be written.
    """
    _check_length(request)
    try:
        with staging(request.repository) as folder:
            made = folder / "made"
            report = _make(request, folder, made, step)
            (made / REPORT).write_text(report.text())
            (made / PAGE).write_text(page(report), encoding="utf-8")
            commit(made, request.repository, list(_stale(report)), folder / "replaced")
    except OSError as error:
        raise ExportError(
            f"cannot write {request.repository}: {error}; the repository is unchanged"
        ) from error
    return report


def _check_length(request: Request) -> None:
    longest = request.checkpoint.config.max_position_embeddings
    if not SHORTEST_SEQUENCE <= request.sequence_length <= longest:
        raise ExportError(
            f"sequence length is {request.sequence_length}; this checkpoint takes "
            f"{SHORTEST_SEQUENCE} to {longest} (max_position_embeddings): give "
            f"--sequence-length {longest}, or make export SEQ={longest}"
        )


def _make(request: Request, folder: Path, made: Path, step: Step) -> Report:
    checkpoint = request.checkpoint
    digests = checkpoint_digests(checkpoint.path)
    made.mkdir()
    (made / TOKENIZER).write_text(checkpoint.tokenizer_json, encoding="utf-8")
    materials = Materials(
        checkpoint=checkpoint.path,
        config=checkpoint.config,
        tokenizer=made / TOKENIZER,
        sequence_length=request.sequence_length,
        calibration=request.calibration,
        sources=folder / "sources",
        quantized=checkpoint.quantized,
        gpu=request.gpu,
    )
    _trace(request, materials, step)
    questions = _questions(materials, step)
    proofs = _proofs(request, materials, made, questions, step)
    versions = _try_in_triton(request, made, step)
    calibration = calibration_on(request.calibration)
    inputs = fingerprints(request.variants, digests, request.sequence_length, calibration)
    rows = _kept(request, digests) | {
        variant.model_name: _row(
            request,
            variant,
            made,
            proofs[proven_as(variant, request.gpu)],
            versions.get(variant),
            calibration if variant.calibrated else None,
            inputs[variant],
        )
        for variant in request.variants
    }
    rows = {each.model_name: rows[each.model_name] for each in VARIANTS if each.model_name in rows}
    return Report(
        checkpoint=request.name or str(checkpoint.path),
        revision=request.revision,
        checkpoint_sha256=digests,
        tokenizer_sha256=sha256(made / TOKENIZER),
        sequence_length=request.sequence_length,
        config=asdict(checkpoint.config),
        libraries=library_versions(),
        cpu=read_cpu().description(),
        cpu_order=tuple(each.model_name for each in CPU_ORDER),
        gpu=request.gpu.description() if request.gpu else "",
        gpu_order=tuple(each.model_name for each in GPU_ORDER),
        variants=_with_speeds(rows, request, made, questions, step),
        notices=checkpoint.notices,
    )


def _trace(request: Request, materials: Materials, step: Step) -> None:
    materials.sources.mkdir()
    baseline = () if request.dataset is None else (variant_named(FP32),)
    graphs = {each.graph for each in (*request.variants, *baseline) if each.graph}
    if graphs:
        with step("trace the graph"):
            isolated(trace, materials.config, sorted(graphs), materials.sources)


def _questions(materials: Materials, step: Step) -> tuple[ReferenceQuestion, ...]:
    with step("compute the reference"):
        return isolated(
            reference_questions,
            *(materials.checkpoint, materials.tokenizer, materials.sequence_length),
        )


def _proofs(
    request: Request,
    materials: Materials,
    made: Path,
    questions: Sequence[ReferenceQuestion],
    step: Step,
) -> Mapping[str, Proof]:
    """Make and prove each variant; return the proofs by ``proven_as``."""
    baseline = _baseline(request, materials, step)
    proofs: dict[str, Proof] = {}
    folders: dict[str, Path] = {}
    for variant in request.variants:
        with step(f"make {variant.name}") as progress:
            if variant.twin in folders:
                shutil.copytree(folders[variant.twin], made / variant.folder)
            else:
                isolated(make, variant, materials, made / variant.file, progress=progress)
            write_config(made / variant.model_name, variant, request.sequence_length)
        folders.setdefault(variant.twin, made / variant.folder)
        if (proven := proven_as(variant, request.gpu)) not in proofs:
            proofs[proven] = prove(
                variant, made / variant.file, materials, questions, baseline, step
            )
    return proofs


def _baseline(request: Request, materials: Materials, step: Step) -> Baseline | None:
    if request.dataset is None:
        return None
    variant = variant_named(FP32)
    file = isolated(source_file, variant.graph, materials)
    return Baseline(request.dataset, evaluate_file(variant, file, materials, request.dataset, step))


def _try_in_triton(request: Request, made: Path, step: Step) -> Mapping[Variant, str]:
    """Have a Triton answer with each variant that runs here; return its version by variant."""
    tried = tuple(variant for variant in request.variants if runs_here(variant, request.gpu))
    if not tried:
        return {}
    with asking_triton(made, tried, request.sequence_length) as ask:
        versions = {}
        for variant in tried:
            with step(f"try {variant.name} in Triton"):
                versions[variant] = ask(variant)
    return versions


def _row(
    request: Request,
    variant: Variant,
    made: Path,
    proof: Proof,
    triton: str | None,
    calibration: Calibration | None,
    fingerprint: str,
) -> VariantReport:
    paths = sorted(path for path in (made / variant.folder).rglob("*") if path.is_file())
    return VariantReport(
        files={path.relative_to(made).as_posix(): sha256(path) for path in paths},
        size_bytes=sum(path.stat().st_size for path in paths),
        device=variant.device,
        cpu_flags=variant.cpu_flags,
        nodes=sum(proof.operators.values()) if proof.operators else None,
        operators=proof.operators,
        parity=proof.parity,
        computed_by=runtime_name(variant, request.gpu),
        triton=triton,
        accuracy=proof.accuracy,
        speed=None,
        gpu_speed=None,
        calibration=calibration,
        fingerprint=fingerprint,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def _kept(request: Request, digests: Mapping[str, str]) -> dict[str, VariantReport]:
    """Return the rows of the variants that stay in the repository unchanged."""
    previous = previous_report(request.repository)
    if (
        previous is None
        or previous.checkpoint_sha256 != digests
        or previous.sequence_length != request.sequence_length
    ):
        return {}
    made = {variant.model_name for variant in request.variants}
    return {
        name: row
        for name, row in previous.variants.items()
        if name not in made and row.exists(request.repository)
    }


def _with_speeds(
    rows: Mapping[str, VariantReport],
    request: Request,
    made: Path,
    questions: Sequence[ReferenceQuestion],
    step: Step,
) -> dict[str, VariantReport]:
    """Return ``rows`` with the speeds of the variants that are worth serving here.

    All variants of a device are measured, those of earlier exports too: only speeds of the same
    run can be compared.
    """

    def measured(worth_it: Sequence[Variant], gpu: Gpu | None) -> dict[str, Speed] | None:
        candidates = [variant for variant in worth_it if variant.model_name in rows]
        if len(candidates) < 2 or not set(candidates) & set(request.variants):
            return None
        files = {
            variant: (made if variant in request.variants else request.repository) / variant.file
            for variant in candidates
        }
        with step(f"measure the speed{' on the GPU' if gpu else ''}"):
            return isolated(measure_speed, files, questions, request.sequence_length, gpu)

    found = dict(rows)
    cpu = measured(variants_for_cpu(read_cpu().flags), None)
    if cpu is not None:
        found = {name: replace(row, speed=cpu.get(name)) for name, row in found.items()}
    gpu = measured(variants_for_gpu(request.gpu.capability), request.gpu) if request.gpu else None
    if gpu is not None:
        found = {name: replace(row, gpu_speed=gpu.get(name)) for name, row in found.items()}
    return found


def _stale(report: Report) -> Iterator[Path]:
    """Yield the version folders of the variants that ``report`` does not have."""
    for variant in VARIANTS:
        if variant.model_name not in report.variants:
            yield Path(variant.model_name, MODEL_VERSION)
