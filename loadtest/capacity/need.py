"""What a rate of questions needs: devices, cores of gateways, and network."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean

from rich.table import Table

from loadtest.capacity.work import QuestionCost
from qa.tensors import INPUTS, OUTPUTS, RequestShape

NOTE = "One device and one core are to spare. Gbit/s are without headers and TLS."
BYTES = 4  # of an int32, and of a float32


@dataclass(frozen=True)
class Capacity:
    """What one device and one core can do."""

    device_rate: float  # questions per second of a device at which its p99 holds
    core_rate: float  # answers per second of a core of a gateway
    core_load: float = 0.7  # share of a core to use: above it, the gateway's own queue grows


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
    """Return what ``rate`` needs, and one device and one core to spare.

    ``json`` is the bytes of a question and its answer.
    """
    return Need(
        rate=rate,
        devices=math.ceil(rate / capacity.device_rate) + 1,
        gateway_cores=math.ceil(rate / (capacity.core_rate * capacity.core_load)) + 1,
        triton_bytes=rate * fmean(tensor_bytes(each, shape) for each in questions),
        client_bytes=rate * json,
    )


def tensor_bytes(question: QuestionCost, shape: RequestShape) -> int:
    """Return the bytes of a question's tensors to Triton and back, padding included."""
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
