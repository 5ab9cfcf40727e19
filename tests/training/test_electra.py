"""ELECTRA in torch, against Hugging Face's logits and the exporter's reference."""

from pathlib import Path

import numpy as np
import pytest
import torch

from export.checkpoint.reader import read_checkpoint
from export.proof.reference import reference_logits
from qa.squad import SAMPLE, read_examples
from qa.tensors import ATTENTION_MASK, END_LOGITS, INPUT_IDS, START_LOGITS, TOKEN_TYPE_IDS
from qa.windows import make_windows
from tests.conftest import CHECKPOINT
from training.electra import plain_attention
from training.initial import read_initial

GOLDEN = Path(__file__).parents[1] / "export" / "golden"


@pytest.mark.parametrize("name", ["plain", "projected", "uncommon"])
def test_logits_are_hugging_faces(name: str) -> None:
    golden = np.load(GOLDEN / name / "logits.npz")
    inputs = (
        torch.from_numpy(golden[each]) for each in (INPUT_IDS, ATTENTION_MASK, TOKEN_TYPE_IDS)
    )
    with torch.inference_mode():
        start, end = read_initial(str(GOLDEN / name)).model().eval()(*inputs)
    real = golden[ATTENTION_MASK] == 1
    np.testing.assert_allclose(start.numpy()[real], golden[START_LOGITS][real], atol=1e-4)
    np.testing.assert_allclose(end.numpy()[real], golden[END_LOGITS][real], atol=1e-4)


def test_logits_of_the_bundled_checkpoint_are_the_references() -> None:
    checkpoint = read_checkpoint(CHECKPOINT)
    initial = read_initial(str(CHECKPOINT))
    example = read_examples(SAMPLE)[0]
    windows = make_windows(
        initial.tokenizer, example.question, example.context, sequence_length=384
    )
    length = int(windows.attention_mask[0].sum())
    ids, types = windows.input_ids[0, :length], windows.token_type_ids[0, :length]
    expected = reference_logits(checkpoint.config, checkpoint.weights, ids, types)
    padded = (windows.input_ids, windows.attention_mask, windows.token_type_ids)
    with torch.inference_mode():
        found = initial.model().eval()(*(torch.from_numpy(each[:1]) for each in padded))
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(ours[0, :length].numpy(), theirs, atol=1e-4)


def test_attention_in_products_is_torchs() -> None:
    generator = torch.Generator().manual_seed(0)
    query, key, value = (torch.randn(3, 2, 7, 4, generator=generator) for _ in range(3))
    mask = torch.arange(7) < torch.tensor([7, 3, 1])[:, None, None, None]
    torch.testing.assert_close(
        plain_attention(query, key, value, mask, 0.0),
        torch.nn.functional.scaled_dot_product_attention(query, key, value, mask),
    )
