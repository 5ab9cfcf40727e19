"""Small teachers with random weights: two that read by another tokenizer than ours."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
from transformers import (
    BertConfig,
    BertForQuestionAnswering,
    MPNetConfig,
    MPNetForQuestionAnswering,
    PreTrainedTokenizerFast,
    RobertaConfig,
    RobertaForQuestionAnswering,
)

from qa.squad import SAMPLE, read_examples
from tests.conftest import CHECKPOINT

SIZES = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 64,
}
ROBERTAS_SPECIAL = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
LONGEST = 120  # tokens that the RoBERTa can read

Write = Callable[..., Path]


def write_bert(folder: Path, seed: int = 0) -> Path:
    """A BERT with our tokenizer, and token types."""
    names = {"unk": "[UNK]", "sep": "[SEP]", "pad": "[PAD]", "cls": "[CLS]", "mask": "[MASK]"}
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_file=str(CHECKPOINT / "tokenizer.json"),
        **{f"{name}_token": token for name, token in names.items()},
    )
    config = BertConfig(vocab_size=30522, max_position_embeddings=384, **SIZES)
    return _write(folder, BertForQuestionAnswering, config, tokenizer, seed)


def write_roberta(folder: Path, seed: int = 0) -> Path:
    """A RoBERTa, which reads bytes: characters may be cut, and it has no token types."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bytes_of = pre_tokenizers.ByteLevel.alphabet()
    _train(tokenizer, trainers.BpeTrainer, initial_alphabet=bytes_of)
    config = RobertaConfig(
        vocab_size=tokenizer.get_vocab_size(), max_position_embeddings=LONGEST + 2, **SIZES
    )
    return _write(folder, RobertaForQuestionAnswering, config, _robertas(tokenizer), seed)


def write_mpnet(folder: Path, seed: int = 0) -> Path:
    """An MPNet with words cut otherwise than ours."""
    tokenizer = Tokenizer(models.WordPiece(unk_token="<unk>"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    _train(tokenizer, trainers.WordPieceTrainer)
    config = MPNetConfig(
        vocab_size=tokenizer.get_vocab_size(), max_position_embeddings=386, **SIZES
    )
    return _write(folder, MPNetForQuestionAnswering, config, _robertas(tokenizer), seed)


def _train(tokenizer: Tokenizer, trainer: Callable[..., Any], **options: Any) -> None:
    contexts = sorted({each.context for each in read_examples(SAMPLE)})
    made = trainer(vocab_size=600, special_tokens=ROBERTAS_SPECIAL, show_progress=False, **options)
    tokenizer.train_from_iterator(contexts, made)


def _robertas(tokenizer: Tokenizer) -> PreTrainedTokenizerFast:
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0))
    names = dict(zip(("cls", "pad", "sep", "unk", "mask"), ROBERTAS_SPECIAL, strict=True))
    tokens = {f"{name}_token": token for name, token in names.items()}
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, **tokens)


def _write(folder: Path, kind: Any, config: Any, tokenizer: Any, seed: int) -> Path:
    torch.manual_seed(seed)
    model = kind(config)
    for name, weights in model.named_parameters():  # large, so that tokens differ
        if weights.ndim > 1:
            torch.nn.init.normal_(weights, std=1.0 if "embeddings" in name else 0.3)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
