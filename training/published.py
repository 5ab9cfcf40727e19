"""NVIDIA's published fine-tuning figures, which ``published.toml`` holds."""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("published.toml")


@dataclass(frozen=True)
class Throughput:
    """Sequences of 384 tokens per second, in fine-tuning ELECTRA-base."""

    system: str
    gpus: int
    batch: int  # per GPU
    precision: str  # fp32, tf32, or mixed, which is fp16 with fp32 weights
    sequences: float


@dataclass(frozen=True)
class Accuracy:
    """EM and F1 in percent, and the time to train."""

    system: str
    gpus: int
    batch: int
    precision: str
    em: float
    f1: float
    seconds: float


@dataclass(frozen=True)
class Stability:
    """One metric over five seeds, in percent."""

    squad: str  # 1.1 or 2.0
    metric: str
    values: tuple[float, ...]
    mean: float
    deviation: float


@dataclass(frozen=True)
class Published:
    """All of the figures."""

    throughput: tuple[Throughput, ...]
    accuracy: tuple[Accuracy, ...]
    stability: tuple[Stability, ...]


def published() -> Published:
    """Read ``published.toml``."""
    content: dict[str, Any] = tomllib.loads(FILE.read_text())
    return Published(
        throughput=tuple(Throughput(**each) for each in content["throughput"]),
        accuracy=tuple(Accuracy(**each) for each in content["accuracy"]),
        stability=tuple(
            Stability(**each | {"values": tuple(each["values"])}) for each in content["stability"]
        ),
    )
