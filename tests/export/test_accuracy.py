"""EM and F1 of a model file; the expected answers come from its logits, question by question."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from export.graphs.onnx_file import write_onnx
from export.graphs.onnx_graph import fused_graph
from export.proof.accuracy import measure_accuracy
from export.proof.runtime import load_backend
from export.variants import variant_named
from export.windows import example_windows
from qa.metric import Scores, evaluate
from qa.spans import best_answers, null_difference
from qa.squad import SAMPLE, Example, read_examples
from qa.tensors import INPUTS
from qa.tokenizer import load_tokenizer
from tests.export.conftest import SEQUENCE_LENGTH, read_golden

FP32 = variant_named("onnx_fp32")
SEED = 6  # with its weights a third of the questions have the empty answer


def write_model(folder: Path) -> tuple[Path, Path]:
    """Return a model file, and its tokenizer."""
    checkpoint = read_golden("plain").checkpoint
    shape = checkpoint.weights["qa_outputs.weight"].shape
    drawn = np.random.default_rng(SEED).standard_normal(shape).astype(np.float32)
    weights = {**checkpoint.weights, "qa_outputs.weight": drawn}
    model, tokenizer = folder / "model.onnx", folder / "tokenizer.json"
    write_onnx(fused_graph(checkpoint.config), replace(checkpoint, weights=weights), model)
    tokenizer.write_text(checkpoint.tokenizer_json, encoding="utf-8")
    return model, tokenizer


def written(examples: Sequence[Example], path: Path) -> Path:
    """Write a file where all have one id, and no answer is written as annotation tools do."""
    paragraphs = [
        {
            "context": each.context,
            "qas": [
                {
                    "id": 7,
                    "question": each.question,
                    "answers": [
                        {"text": text, "answer_start": -1} for text in each.answers or ("",)
                    ],
                }
            ],
        }
        for each in examples
    ]
    path.write_text(json.dumps({"data": [{"title": None, "paragraphs": paragraphs}]}))
    return path


def test_the_empty_answer_is_given_where_some_questions_have_none(tmp_path: Path) -> None:
    model, tokenizer = write_model(tmp_path)
    backend, loaded = load_backend(FP32, model, SEQUENCE_LENGTH), load_tokenizer(tokenizer)
    spans, empty = [], []
    examples = read_examples(SAMPLE)[:40]
    for example in examples:
        windows = example_windows(loaded, example, SEQUENCE_LENGTH)
        start, end = backend({name: getattr(windows, name) for name in INPUTS})
        best, *_ = best_answers(windows, example.context, start, end)
        spans.append(best.answer)
        empty.append(null_difference(windows, start, end) > 0)
    assert 0 < sum(empty) < len(empty)

    def measured(examples: Sequence[Example]) -> Scores:
        dataset = written(examples, tmp_path / "squad.json")
        arguments = (FP32, model, dataset, tokenizer, SEQUENCE_LENGTH, None)
        return measure_accuracy(*arguments, progress=lambda *_: None)

    # the model's own answers are the gold ones: all are right as long as an answer is required
    answerable = [
        replace(each, answers=(span,)) for each, span in zip(examples, spans, strict=True)
    ]
    assert measured(answerable) == evaluate(answerable, spans)
    mixed = [replace(each, answers=()) if at % 2 else each for at, each in enumerate(answerable)]
    answers = ["" if none else span for span, none in zip(spans, empty, strict=True)]
    assert evaluate(mixed, answers) != evaluate(mixed, spans)
    assert measured(mixed) == evaluate(mixed, answers)
