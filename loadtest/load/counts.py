"""What the gateway and its Triton have counted since they started, from their metrics."""

import re
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Counts:
    """Sums since the start; 0 where nothing counts."""

    tokens: float = 0
    positions: float = 0  # tokens and padding
    windows: float = 0  # computed by Triton
    executions: float = 0  # batches that Triton computed

    @classmethod
    def read(cls, gateway: str, triton: str) -> "Counts":
        """Read both metrics in Prometheus's text format; ``triton`` may be empty."""
        return cls(
            tokens=_sum(gateway, "electra_qa_tokens_total"),
            positions=_sum(gateway, "electra_qa_positions_total"),
            windows=_sum(triton, "nv_inference_count"),
            executions=_sum(triton, "nv_inference_exec_count"),
        )

    def __sub__(self, earlier: "Counts") -> "Counts":
        return Counts(
            self.tokens - earlier.tokens,
            self.positions - earlier.positions,
            self.windows - earlier.windows,
            self.executions - earlier.executions,
        )

    @property
    def padding_ratio(self) -> float | None:
        """Padding over all positions that the gateway sent."""
        return 1 - self.tokens / self.positions if self.positions else None

    @property
    def mean_batch(self) -> float | None:
        """Windows per execution."""
        return self.windows / self.executions if self.executions else None


def _sum(text: str, metric: str) -> float:
    values: Iterable[str] = re.findall(rf"^{metric}(?:{{.*}})? (\S+)", text, re.MULTILINE)
    return sum(map(float, values))
