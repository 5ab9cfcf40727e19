"""The gates that a variant must pass before it is put into the repository."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import onnx

from embedded.gpu import Gpu
from embedded.report import Accuracy, Parity
from embedded.selection import LARGEST_F1_LOSS
from export.errors import ExportError
from export.graphs.conversion import Materials
from export.isolation import Progress, isolated
from export.proof.accuracy import measure_accuracy
from export.proof.fused_operators import ATTENTION, count
from export.proof.lengths import check_lengths
from export.proof.parity import ReferenceQuestion, compare, longest_window
from export.proof.runtime import load_model, runs_here, runs_on
from export.variants import Variant
from qa.metric import Scores

FP32 = "onnx_fp32"  # what the others' accuracy is compared with

Step = Callable[[str], AbstractContextManager[Progress]]


@dataclass(frozen=True)
class Baseline:
    """A SQuAD file, and what the fp32 graph scores on it."""

    dataset: Path
    fp32: Scores


@dataclass(frozen=True)
class Proof:
    """What was measured of the model files of a variant."""

    operators: Mapping[str, int] | None  # of an ONNX graph: nodes by operator
    parity: Parity
    accuracy: Accuracy | None


def prove(
    variant: Variant,
    file: Path,
    materials: Materials,
    questions: Sequence[ReferenceQuestion],
    baseline: Baseline | None,
    step: Step,
) -> Proof:
    """Compare the model in ``file`` with the reference and, if there is one, with the baseline.

    Raises ExportError when a gate fails.
    """
    gpu = materials.gpu
    operators = _count_operators(file) if variant.format == "onnx" else None
    if operators is not None:
        _check_fused(variant, operators, materials.config.num_hidden_layers)
    with step(f"compare {variant.name}"):
        parity = isolated(compare_file, variant, file, questions, gpu)
    _check_parity(variant, parity, on_gpu=runs_on(variant, gpu))
    if baseline is None or not runs_here(variant, gpu):
        return Proof(operators, parity, None)
    if proven_as(variant, gpu) == FP32:
        scores = baseline.fp32
    else:
        scores = evaluate_file(variant, file, materials, baseline.dataset, step)
    accuracy = Accuracy(
        dataset=baseline.dataset.name,
        questions=scores.total,
        exact_match=scores.exact_match,
        f1=scores.f1,
        f1_difference=scores.f1 - baseline.fp32.f1,
    )
    _check_accuracy(variant, accuracy)
    return Proof(operators, parity, accuracy)


def proven_as(variant: Variant, gpu: Gpu | None) -> str:
    """Return the name of the variant whose proof holds for ``variant`` too.

    On a CPU that is its twin, which has the same files; a GPU computes the two in different
    precisions.
    """
    return variant.name if runs_on(variant, gpu) else variant.twin


def compare_file(
    variant: Variant, file: Path, questions: Sequence[ReferenceQuestion], gpu: Gpu | None
) -> Parity:
    """Compare the model in ``file`` with the reference's logits, and its lengths with each other.

    Raises as ``compare`` and ``check_lengths`` do, with the variant's name.
    """
    model = load_model(variant, file, gpu)
    try:
        parity = compare(model, questions)
        if runs_here(variant, gpu):
            check_lengths(model, longest_window(questions))
    except ExportError as error:
        raise ExportError(f"{variant.name}: {error}") from error
    return parity


def evaluate_file(
    variant: Variant, file: Path, materials: Materials, dataset: Path, step: Step
) -> Scores:
    """Answer a SQuAD file with the model in ``file``."""
    with step(f"evaluate {variant.name}") as progress:
        return isolated(
            measure_accuracy,
            *(variant, file, dataset, materials.tokenizer),
            *(materials.sequence_length, materials.gpu),
            progress=progress,
        )


def _count_operators(file: Path) -> dict[str, int]:
    nodes = onnx.load(file, load_external_data=False).graph.node
    return dict(sorted(Counter(node.op_type for node in nodes).items()))


def _check_fused(variant: Variant, operators: Mapping[str, int], layers: int) -> None:
    fused = count(operators, ATTENTION)
    if fused != layers:
        raise ExportError(f"{variant.name} has {fused} fused attention layers of {layers}")


def _check_parity(variant: Variant, parity: Parity, *, on_gpu: bool) -> None:
    found, allowed = parity.largest_logit_difference, variant.tolerance_on(gpu=on_gpu)
    if not (allowed is None or found <= allowed):  # a NaN fails too
        raise ExportError(
            f"{variant.name} differs from the reference by {found:.2g} on real text; {allowed:g} "
            f"is allowed. Either its precision does not hold this checkpoint's values, or the "
            f"graph of export/graphs/electra.py is not what export/proof/reference.py computes"
        )


def _check_accuracy(variant: Variant, accuracy: Accuracy) -> None:
    """Refuse an int8 variant that loses so much F1 that ``make serve`` would not choose it."""
    if variant.precision == "int8" and accuracy.f1_difference < -LARGEST_F1_LOSS:
        raise ExportError(
            f"{variant.name} has F1 {accuracy.f1:.2f} on {accuracy.dataset}, "
            f"{-accuracy.f1_difference:.2f} below fp32; {LARGEST_F1_LOSS} is allowed. Calibrate it "
            f"on questions like yours (CALIBRATION=), or leave it out (VARIANTS=)"
        )
