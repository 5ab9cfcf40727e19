"""An export from end to end: read, convert, prove, and put into the repository."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from functools import cache, partial
from pathlib import Path

import numpy as np
import onnx

from embedded.digest import sha256, size
from export.checkpoint import Checkpoint
from export.errors import ExportError
from export.fingerprint import checkpoint_digests, fingerprint, library_versions
from export.onnx_graph import count_attention, fused_graph
from export.parity import Parity, measure, reference_questions
from export.quantization import write_int8
from export.report import FILE_NAME as REPORT
from export.report import TOKENIZER, Report, VariantReport, read_report
from export.repository import commit, staging
from export.runtime import load_model
from export.savedmodel import write_savedmodel
from export.triton_config import WARMUP, WARMUP_FILE, config_text
from export.variants import CONFIG, MODEL_VERSION, VARIANTS, Variant
from qa.windows import load_tokenizer

SHORTEST_SEQUENCE = 16  # room for a question, a context and three special tokens

Step = Callable[[str], AbstractContextManager[object]]


@dataclass(frozen=True)
class Request:
    """What to export, and where to."""

    checkpoint: Checkpoint
    variants: tuple[Variant, ...]
    repository: Path
    sequence_length: int


def export(request: Request, step: Step) -> Report:
    """Make the variants of ``request`` and put them into its repository, all or none.

    Variants that are there already stay when they are of the same checkpoint and sequence
    length, and lose their model files when they are not. ``step`` announces each step. Raises
    ExportError when a gate fails or when something cannot be written.
    """
    _check_length(request)
    try:
        with staging(request.repository) as folder:
            made = folder / "made"
            report = _with_kept(_make(request, made, step), request.repository)
            (made / REPORT).write_text(report.text())
            stale = list(_stale(report))
            commit(made, request.repository, stale, folder / "replaced")
    except OSError as error:
        raise ExportError(
            f"cannot write {request.repository}: {error}; it is as it was before"
        ) from error
    return report


def _check_length(request: Request) -> None:
    longest = request.checkpoint.config.max_position_embeddings
    if not SHORTEST_SEQUENCE <= request.sequence_length <= longest:
        raise ExportError(
            f"sequence length is {request.sequence_length}; this checkpoint takes "
            f"{SHORTEST_SEQUENCE} to {longest} (max_position_embeddings)"
        )


def _make(request: Request, made: Path, step: Step) -> Report:
    checkpoint = request.checkpoint
    digests = checkpoint_digests(checkpoint.path)
    tokenizer = made / TOKENIZER
    made.mkdir()
    tokenizer.write_text(checkpoint.tokenizer_json, encoding="utf-8")
    with step("compute the reference"):
        questions = reference_questions(
            checkpoint, load_tokenizer(tokenizer), request.sequence_length
        )
    writers = _writers(checkpoint)
    rows = {}
    for variant in request.variants:
        with step(f"make {variant.name}"):
            (made / variant.file).parent.mkdir(parents=True)
            writers[variant.name](made / variant.file)
            _write_config(made / variant.model_name, variant, request.sequence_length)
        with step(f"compare {variant.name}"):
            parity = measure(load_model(variant.format, made / variant.file), questions)
            _check_parity(variant, parity)
        rows[variant.model_name] = _row(
            made, variant, parity, fingerprint(digests, request.sequence_length)
        )
    return Report(
        checkpoint=str(checkpoint.path),
        checkpoint_sha256=digests,
        tokenizer_sha256=sha256(tokenizer),
        sequence_length=request.sequence_length,
        config=asdict(checkpoint.config),
        libraries=library_versions(),
        variants=rows,
    )


def _writers(checkpoint: Checkpoint) -> Mapping[str, Callable[[Path], None]]:
    """Return what writes the model file of each variant, by the variant's name."""
    fused = cache(partial(fused_graph, checkpoint))
    return {
        "savedmodel_fp32": lambda path: write_savedmodel(checkpoint, path),
        "onnx_fp32": lambda path: onnx.save(fused(), path),
        "onnx_int8": lambda path: write_int8(fused(), path),
    }


def _write_config(folder: Path, variant: Variant, sequence_length: int) -> None:
    (folder / CONFIG).write_text(config_text(variant, sequence_length))
    (folder / WARMUP).mkdir()
    (folder / WARMUP / WARMUP_FILE).write_bytes(np.ones(sequence_length, np.int32).tobytes())


def _check_parity(variant: Variant, parity: Parity) -> None:
    found, allowed = parity.largest_logit_difference, variant.tolerance
    if not (allowed is None or found <= allowed):  # a NaN fails too
        raise ExportError(
            f"{variant.name} differs from the reference by {found:.2g} on real text; {allowed:g} "
            f"is allowed. The graph of export/electra.py is not what export/reference.py computes"
        )


def _row(made: Path, variant: Variant, parity: Parity, fingerprint: str) -> VariantReport:
    file = made / variant.file
    graph = onnx.load(file) if variant.format == "onnx" else None
    return VariantReport(
        file=variant.file,
        size_bytes=size(file),
        sha256=sha256(file),
        nodes=len(graph.graph.node) if graph else None,
        fused_attention_nodes=count_attention(graph) if graph else None,
        parity=parity,
        fingerprint=fingerprint,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def _with_kept(report: Report, repository: Path) -> Report:
    """Add the rows of those variants that stay in the repository as they are."""
    previous = read_report(repository)
    if previous is None or not previous.same_inputs(report):
        return report
    kept = {
        name: row
        for name, row in previous.variants.items()
        if name not in report.variants and (repository / row.file).exists()
    }
    return replace(report, variants={**kept, **report.variants})


def _stale(report: Report) -> Iterator[Path]:
    """Yield the version folders of variants that ``report`` does not vouch for."""
    for variant in VARIANTS:
        if variant.model_name not in report.variants:
            yield Path(variant.model_name, MODEL_VERSION)
