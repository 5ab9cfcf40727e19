"""Random ELECTRA models, and the logits that Hugging Face gives for them.

``python -m tests.parity.hugging_face FOLDER NAME...`` writes the models of those names, or all of
them, as checkpoints below FOLDER. It runs in the environment of the extra ``parity``, which has
torch.
"""

import math
import string
import sys
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import ElectraConfig, ElectraForQuestionAnswering

from qa.tensors import ATTENTION_MASK, END_LOGITS, INPUT_IDS, START_LOGITS, TOKEN_TYPE_IDS

SPECIAL_TOKENS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
LETTERS = string.ascii_lowercase + string.digits
# real text becomes many different ids
VOCABULARY = (*SPECIAL_TOKENS, *string.punctuation, *LETTERS, *(f"##{each}" for each in LETTERS))

LENGTHS = (96, 5, 40, 71)  # tokens of the windows; the longest comes first and pads the others


Sizes = dict[str, float]  # by ElectraConfig's names


def shape(layers: int, heads: int, embedding: int, hidden: int, inner: int) -> Sizes:
    """Return the sizes that differ from model to model."""
    return {
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "embedding_size": embedding,
        "hidden_size": hidden,
        "intermediate_size": inner,
    }


SHORT: Sizes = {"max_position_embeddings": 128}
# the first three are in tests/export/golden
SHAPES: dict[str, Sizes] = {
    "projected": shape(2, 4, 16, 32, 64) | SHORT,
    "plain": shape(3, 2, 24, 24, 72) | SHORT,
    # no power of two; every position and token type used; the largest epsilon that is fused
    "uncommon": shape(1, 3, 20, 36, 50)
    | {"max_position_embeddings": LENGTHS[0], "type_vocab_size": 4, "layer_norm_eps": 9e-5},
    "one_token_type": shape(1, 2, 8, 8, 8) | {"type_vocab_size": 1},
    "wider_embedding": shape(2, 4, 64, 48, 96),
    "small": shape(12, 4, 128, 256, 1024),
    "base_heads": shape(12, 12, 192, 192, 768),
    "large_heads": shape(24, 16, 256, 256, 1024),
}


def write_model(folder: Path, sizes: Sizes) -> None:
    """Write a checkpoint, and ``logits.npz`` with windows and the model's logits for them."""
    torch.manual_seed(0)
    config = ElectraConfig(vocab_size=len(VOCABULARY), **sizes)
    model = ElectraForQuestionAnswering(config).eval()
    for name, parameter in model.named_parameters():
        parameter.data.copy_(_draw(name, parameter, config.num_hidden_layers))
    model.save_pretrained(folder)
    (folder / "vocab.txt").write_text("\n".join(VOCABULARY) + "\n")
    windows = _windows(config.type_vocab_size)
    with torch.inference_mode():
        found = model(**{name: torch.from_numpy(values) for name, values in windows.items()})
    logits = {START_LOGITS: found.start_logits.numpy(), END_LOGITS: found.end_logits.numpy()}
    np.savez(folder / "logits.npz", **windows, **logits)


def _draw(name: str, values: torch.Tensor, layers: int) -> torch.Tensor:
    """Return random weights that keep attention sharp and tokens apart through all layers.

    At the scale of an initialisation, or with large biases, every token becomes the same within
    a few layers and attends to all others alike; logits then say little about the model.
    """
    normal = torch.randn(values.shape)
    if name.endswith("LayerNorm.weight"):
        return 1 + 0.3 * normal
    if name.endswith("bias"):
        return 0.1 * normal
    if "embeddings." in name:
        return 0.5 * normal
    return _gain(name, layers) / math.sqrt(values.shape[1]) * normal


def _gain(name: str, layers: int) -> float:
    """Return how much larger a dense layer's output is than its input, for the kernel ``name``."""
    if name.endswith(("query.weight", "key.weight")):
        return 2
    if name.endswith("output.dense.weight"):  # what is added to the residual stream
        return 0.7 / math.sqrt(layers)
    return 1.5


def _windows(token_types: int) -> dict[str, NDArray[np.int32]]:
    """Return the inputs by their name, int32 ``[4, 96]``: random ids, right-padded.

    The token type changes after each third of a window, as long as there is another.
    """
    size = (len(LENGTHS), max(LENGTHS))
    first, last = len(SPECIAL_TOKENS), len(VOCABULARY)
    ids = np.random.default_rng(1).integers(first, last, size, dtype=np.int32)
    positions, lengths = np.arange(max(LENGTHS)), np.array(LENGTHS)[:, None]
    mask = (positions < lengths).astype(np.int32)
    types = np.minimum(positions // (lengths // 3), token_types - 1).astype(np.int32)
    return {INPUT_IDS: ids * mask, ATTENTION_MASK: mask, TOKEN_TYPE_IDS: types * mask}


if __name__ == "__main__":
    target, *names = sys.argv[1:]
    for each in names or SHAPES:
        write_model(Path(target, each), SHAPES[each])
