"""What a rate of questions needs: devices, gateway cores, and the network between."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean

from rich.table import Table

from loadtest.capacity.work import QuestionCost
from qa.tensors import INPUTS, OUTPUTS, RequestShape

NOTE = "With one device and one core to spare. Gbit/s without headers and TLS."
BYTES = 4  # of an int32, and of a float32


@dataclass(frozen=True)
class Capacity:
    """What one unit of each kind does."""

    device_rate: float  # questions per second at which a device's p99 holds
    core_rate: float  # answers per second of a gateway's core
    core_load: float = 0.7  # share of a core that may be used: above, its own queue grows


@dataclass(frozen=True)
class Need:
    """What a rate needs."""

    rate: float  # questions per second
    devices: int
    gateway_cores: int
    triton_bytes: float  # per second between gateways and Tritons, both ways
    client_bytes: float  # per second between clients and gateways, both ways, without headers


def need(
    rate: float,
    capacity: Capacity,
    questions: Sequence[QuestionCost],
    shape: RequestShape,
    json: float,
) -> Need:
    """Return what ``rate`` needs, with one device and one core more than it takes.

    ``json`` are the bytes of a question and its answer.
    """
    return Need(
        rate=rate,
        devices=math.ceil(rate / capacity.device_rate) + 1,
        gateway_cores=math.ceil(rate / (capacity.core_rate * capacity.core_load)) + 1,
        triton_bytes=rate * fmean(tensor_bytes(each, shape) for each in questions),
        client_bytes=rate * json,
    )


def tensor_bytes(question: QuestionCost, shape: RequestShape) -> int:
    """Return the bytes of a question's tensors to Triton and back, with their padding."""
    positions = question.windows * shape.padded(question.longest)
    return (len(INPUTS) + len(OUTPUTS)) * positions * BYTES


def need_table(needs: Iterable[Need]) -> Table:
    """Return a line for each rate."""
    table = Table("questions/s", "devices", "gateway cores", "to Triton, Gbit/s", "clients, Gbit/s")
    for each in needs:
        table.add_row(
            f"{each.rate:,.0f}",
            f"{each.devices:,}",
            f"{each.gateway_cores:,}",
            f"{each.triton_bytes * 8 / 1e9:,.3g}",
            f"{each.client_bytes * 8 / 1e9:,.3g}",
        )
    return table
