"""The names that Google's and NVIDIA's TensorFlow checkpoints give to the model's tensors.

Each rule says which file of google-research/electra ("Google") or of NVIDIA/DeepLearningExamples,
TensorFlow2/LanguageModeling/ELECTRA ("NVIDIA"), it was read from.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from export.checkpoint.errors import CheckpointError
from export.checkpoint.weights import Shape

VALUE = "/.ATTRIBUTES/VARIABLE_VALUE"  # ends each name that tf.train.Checkpoint writes

_GOOGLE_HEAD = ("dense", "dense_1")  # of the start and of the end

_SCOPE = re.compile(r"(?:^|/)(\w+)/embeddings/")
_LAYER = re.compile(r"(?:^|/)electra/encoder/layer[_/](\d+)/")

# Google's model/optimization.py and run_finetuning.py; TensorFlow's object graph
_BOOKKEEPING = re.compile(
    r"/adam_[mv]$|^global_step$|/\.OPTIMIZER_SLOT/|(^|/)optimizer/|^_CHECKPOINTABLE_OBJECT_GRAPH$"
    rf"|^save_counter{re.escape(VALUE)}$"
)


@dataclass(frozen=True)
class Stored:
    """Where a checkpoint keeps one of the model's tensors."""

    names: tuple[str, ...]  # to be joined along their last axis
    transposed: bool  # a dense kernel, [in, out]


# takes a name of export.checkpoint.weights.weight_shapes
Naming = Callable[[str], Stored]


def is_bookkeeping(name: str) -> bool:
    """Whether a variable is the optimizer's or counts steps, and so is no part of a model."""
    return _BOOKKEEPING.search(name) is not None


def count_layers(names: Mapping[str, Shape]) -> int:
    """Return the number of encoder layers in ``names``."""
    numbers = [int(found[1]) for found in map(_LAYER.search, names) if found]
    return max(numbers, default=-1) + 1


def naming(path: Path, shapes: Mapping[str, Shape]) -> Naming:
    """Return the rule that names ``shapes``, all variables of the checkpoint ``path``.

    Raises CheckpointError when they are not ELECTRA's, or lack a question answering head that gives
    start and end logits.
    """
    scopes = {found[1] for found in map(_SCOPE.search, shapes) if found}
    if "electra" not in scopes:
        held = f"those of {', '.join(sorted(scopes))}" if scopes else ", ".join(sorted(shapes)[:3])
        raise CheckpointError(
            f"{path} holds no variables of ELECTRA (electra/embeddings/...), but {held}; "
            f"only ELECTRA can be exported"
        )
    if any(name.endswith(VALUE) for name in shapes):
        return partial(_nvidia_name, _nvidia_root(path, shapes))
    return partial(_google_name, _google_task(path, shapes))


def _google_task(path: Path, shapes: Mapping[str, Shape]) -> str:
    """Return the scope of the head, ``task_specific/<task>`` (run_finetuning.py).

    The head of ``finetune/qa/qa_tasks.py`` has two dense layers with one output each, ``dense``
    for the start and ``dense_1`` for the end. With ``joint_prediction``, Google's default,
    ``qa_hidden`` comes before the second. Further layers classify whether there is an answer.
    """
    tasks = sorted({"/".join(n.split("/")[:2]) for n in shapes if n.startswith("task_specific/")})
    for task in tasks:
        if f"{task}/qa_hidden/kernel" in shapes:
            raise _joint(path, "Google's", 'with "joint_prediction": false in --hparams')
    found = [
        task
        for task in tasks
        if all(shapes.get(f"{task}/{layer}/kernel", ())[-1:] == (1,) for layer in _GOOGLE_HEAD)
    ]
    if len(found) > 1:
        raise CheckpointError(
            f"{path} has {len(found)} question answering heads, {', '.join(found)}; "
            f"only a checkpoint with one can be exported"
        )
    if not found:
        raise _headless(path, f"the heads of {', '.join(tasks)}" if tasks else "no head")
    return found[0]


def _nvidia_root(path: Path, shapes: Mapping[str, Shape]) -> str:
    """Return what comes before ``electra/`` and ``qa_outputs/``: nothing, or ``model/``.

    ``run_tf_squad.py`` saves the weights of ``modeling.py``'s TFElectraForQuestionAnswering,
    whose head is ``qa_outputs`` or, by ``joint_head``, its default, ``start_logits`` and
    ``end_logits``, and ``answer_class`` for SQuAD 2.0.
    """
    for name in shapes:
        if is_bookkeeping(name):
            continue
        if name.endswith(f"qa_outputs/kernel{VALUE}"):
            return name.removesuffix(f"qa_outputs/kernel{VALUE}")
        if name.endswith(f"end_logits/dense_0/kernel{VALUE}"):
            # argparse reads any word as true there (type=bool), "False" too
            raise _joint(path, "NVIDIA's", 'with --joint_head "" ("False" would be true)')
    raise _headless(path, "another head or none")


def _joint(path: Path, whose: str, how: str) -> CheckpointError:
    return CheckpointError(
        f"{path} has {whose} joint head, which scores ends only for the best starts of a beam "
        f"search; exported models give start and end logits that do not depend on each other, so "
        f"fine-tune it again {how}, or as Hugging Face's ElectraForQuestionAnswering"
    )


def _headless(path: Path, held: str) -> CheckpointError:
    return CheckpointError(
        f"{path} has no question answering head, but {held}: fine-tune it on SQuAD first"
    )


def _google_name(task: str, name: str) -> Stored:
    """Google's ``model/modeling.py``: ``layer_0``, ``gamma`` and ``beta``, ``[in, out]``."""
    module, _, kind = name.rpartition(".")
    if module == "qa_outputs":
        names = tuple(f"{task}/{layer}/{_variable(module, kind)}" for layer in _GOOGLE_HEAD)
        return Stored(names, kind == "weight")
    path = "electra/" + module.replace("encoder.layer.", "encoder.layer_").replace(".", "/")
    if _is_embedding(module):
        return Stored((path,), transposed=False)
    return Stored((f"{path}/{_variable(module, kind)}",), _is_kernel(module, kind))


def _nvidia_name(root: str, name: str) -> Stored:
    """NVIDIA's ``modeling.py`` and ``modeling_utils.py``: the attributes of Keras layers.

    They are ``self_attention``, ``dense_output`` and ``bert_output`` where Hugging Face has
    ``self`` and ``output``. The word embeddings are ``weight``, the name that their layer gives
    the variable before it becomes an attribute.
    """
    module, _, kind = name.rpartition(".")
    path = re.sub(r"(layer\.\d+)\.output\b", r"\1.bert_output", module)
    path = path.replace(".attention.self.", ".attention.self_attention.")
    path = path.replace(".attention.output.", ".attention.dense_output.")
    path = path.replace(".", "/")
    variable = _variable(module, kind)
    if _is_embedding(module):
        path, variable = (
            ("embeddings", "weight") if module.endswith("word_embeddings") else (path, "embeddings")
        )
    if module != "qa_outputs":
        path = f"electra/{path}"
    return Stored((f"{root}{path}/{variable}{VALUE}",), _is_kernel(module, kind))


def _variable(module: str, kind: str) -> str:
    if module.endswith("LayerNorm"):
        return {"weight": "gamma", "bias": "beta"}[kind]
    return {"weight": "kernel", "bias": "bias"}[kind]


def _is_embedding(module: str) -> bool:
    return module.startswith("embeddings.") and module.endswith("_embeddings")


def _is_kernel(module: str, kind: str) -> bool:
    return kind == "weight" and not module.endswith("LayerNorm") and not _is_embedding(module)
