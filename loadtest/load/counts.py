"""What the gateway and its Triton have counted since they started, by their own metrics."""

import re
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Counts:
    """Sums over all that was answered; what nobody counts is 0."""

    tokens: float = 0
    positions: float = 0  # of windows, padding among them
    windows: float = 0  # that Triton computed
    executions: float = 0

    @classmethod
    def read(cls, gateway: str, triton: str) -> "Counts":
        """Read both metrics' texts, in Prometheus's format; ``triton``'s may be empty."""
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
        """Padding over all positions of the windows that the gateway made."""
        return 1 - self.tokens / self.positions if self.positions else None

    @property
    def mean_batch(self) -> float | None:
        """Windows of an execution."""
        return self.windows / self.executions if self.executions else None


def _sum(text: str, metric: str) -> float:
    values: Iterable[str] = re.findall(rf"^{metric}(?:{{.*}})? (\S+)", text, re.MULTILINE)
    return sum(map(float, values))
