"""A small model to train, and which tests need torch, which the main environment lacks."""

import json
import os
import shutil
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from export.checkpoint.config import ElectraConfig
from tests.conftest import CHECKPOINT

HERE = Path(__file__).parent

WITHOUT_TORCH = (
    "test_alignment.py",
    "test_articles.py",
    "test_batches.py",
    "test_mpnet.py",
    "test_recipe.py",
    "test_report.py",
    "test_result.py",
    "test_teacher_windows.py",
    "test_texts.py",
    "test_threshold.py",
    "test_unanswerable.py",
    "test_windows.py",
    "test_published.py",
)

os.environ["OMP_NUM_THREADS"] = "1"  # with so small a model, several would wait for each other

if find_spec("torch") is None:
    collect_ignore = [
        path.name for path in HERE.glob("test_*.py") if path.name not in WITHOUT_TORCH
    ]

CONFIG = ElectraConfig(30522, 16, 32, 2, 4, 64, 512)


@pytest.fixture(scope="session")
def initial_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An encoder with random weights and the real tokenizer, like the hub's discriminators."""
    from training.electra import Electra  # needs torch

    folder = tmp_path_factory.mktemp("initial")
    generator = np.random.default_rng(0)
    weights = {
        name: generator.standard_normal(tuple(tensor.shape), np.float32) * np.float32(0.1)
        + np.float32("LayerNorm.weight" in name)
        for name, tensor in Electra(CONFIG).state_dict().items()
        if not name.startswith("qa_outputs")
    }
    save_file(weights, folder / "model.safetensors")
    content = {"model_type": "electra", **asdict(CONFIG)}
    (folder / "config.json").write_text(json.dumps(content))
    shutil.copyfile(CHECKPOINT / "tokenizer.json", folder / "tokenizer.json")
    return folder
