"""The model card, made from the recipe and the figures."""

from dataclasses import asdict, fields
from datetime import timedelta

from training.electra import Electra
from training.initial import MINILM
from training.recipe import Recipe
from training.result import Record, Result, is_pretraining, trainings

_CARD = """---
{origin}language: en
pipeline_tag: question-answering
datasets: [squad]
---

# {name}

ELECTRA's architecture for extractive question answering: {layers} layers of {hidden},
{heads} heads, feed-forward {inner}, {parameters:.1f} M parameters; initialised from `{init}`,
{earlier}and fine-tuned by this project's `make train` on SQuAD (CC BY-SA 4.0).
Float16 on disk, to be computed in float32.{not_google}

| data | EM | F1 | questions |
|---|---|---|---|
{scores}

Float32, these weights; windows of {max_seq_len} tokens with a step of 128, answers of at most 30
tokens. "held out" are the articles of the training set that were not trained on.{threshold}

Trained on {windows:,} windows in {steps:,} steps: {rate:,.0f} tokens/s on {device}, {time}.
The recipe (`training/recipe.py` says what each setting is):

| setting | |
|---|---|
{recipe}

It reads English, and finds an answer only in the context that it is given. It was trained on
Wikipedia's text only.
"""

_ORIGIN_OF_MINILM = """license: apache-2.0
base_model: sentence-transformers/all-MiniLM-L6-v2
"""

_NOT_GOOGLE = """

It is *not* one of Google's ELECTRA checkpoints: the package has the weights of all-MiniLM-L6-v2
(Apache-2.0), a BERT-type encoder, itself from MiniLM-L6-H384-uncased (MIT), whose layers are the
same as ELECTRA's."""

_PRETRAINED = """trained on by replaced-token detection
(`make pretrain`: {tokens:.1f} M tokens, {time}),
"""

_FINE_TUNED = """fine-tuned before for {epochs:g} epochs at a rate of {learning_rate:g}
(`make train`: {tokens:.1f} M tokens, {time}),
"""

_THRESHOLD = """

Where a question may have no answer, the empty one is to be given when its logit is ahead of the
best span's by more than {:.2f} (`null_threshold`), which was chosen on the held-out articles."""


def model_card(name: str, model: Electra, result: Result) -> str:
    """Return the text of ``README.md``."""
    config, trained = model.config, result.trained
    threshold = result.null_threshold
    all_of_them = trainings(asdict(result))
    init = all_of_them[0]["recipe"]["init"]
    return _CARD.format(
        origin=_ORIGIN_OF_MINILM if init == MINILM else "",
        not_google=_NOT_GOOGLE if init == MINILM else "",
        name=name,
        layers=config.num_hidden_layers,
        hidden=config.hidden_size,
        heads=config.num_attention_heads,
        inner=config.intermediate_size,
        parameters=sum(each.numel() for each in model.parameters()) / 1e6,
        init=init,
        earlier="".join(_told(each) for each in all_of_them[:-1]),
        scores="\n".join(
            f"| {data} | {each.exact_match:.2f} | {each.f1:.2f} | {each.total:,} |"
            for data, each in result.scores.items()
        ),
        max_seq_len=result.recipe.max_seq_len,
        threshold="" if threshold is None else _THRESHOLD.format(threshold),
        windows=result.windows,
        steps=trained.step,
        rate=trained.tokens_per_second,
        device=result.device,
        time=timedelta(seconds=round(trained.seconds)),
        recipe="\n".join(
            f"| {each.name} | {getattr(result.recipe, each.name)} |" for each in fields(Recipe)
        ),
    )


def _told(record: Record) -> str:
    trained, recipe = record["trained"], record["recipe"]
    text = _PRETRAINED if is_pretraining(record) else _FINE_TUNED
    return text.format(
        **recipe,
        tokens=trained["tokens"] / 1e6,
        time=timedelta(seconds=round(trained["seconds"])),
    )
