"""Whether the replies under load were the known answers, and what to say where they were not."""

from collections.abc import Iterable

from loadtest.errors import LoadTestError
from loadtest.result import LoadRow

#: Variants whose logits depend on the other windows of the batch by more than rounding, and why.
#: Under load, their answers may differ from the recorded ones, which does not fail a run.
BATCH_EFFECTS = {
    "onnx_int8": "scales its activations by the largest of all windows in a batch",
}


def check_answers(rows: Iterable[LoadRow], variant: str) -> str | None:
    """Return what to say of wrong replies; None when there were none.

    Raises LoadTestError for wrong replies of a variant that BATCH_EFFECTS does not name.
    """
    rows = list(rows)
    wrong = sum(row.wrong for row in rows)
    if not wrong:
        return None
    replies = wrong + sum(len(row.latencies) for row in rows)
    said = (
        f"{wrong} of {replies} replies ({100 * wrong / replies:.2g} %) differ from the answer that "
        "was recorded unloaded"
    )
    if variant not in BATCH_EFFECTS:
        raise LoadTestError(f"wrong answers under load: {said}")
    return f"{said}: expected, as {variant} {BATCH_EFFECTS[variant]}"
