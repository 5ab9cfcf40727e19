"""Triton's gRPC messages and stubs, as tritonclient has them, and the options of a channel to it.

tritonclient imports ml_dtypes for bfloat16, which is no part of the contract. The gateway's image
leaves those 24 MB out, and an empty module takes their place.
"""

import importlib.util
import sys
from types import ModuleType

if importlib.util.find_spec("ml_dtypes") is None:
    sys.modules["ml_dtypes"] = ModuleType("ml_dtypes")

from tritonclient.grpc import model_config_pb2, service_pb2, service_pb2_grpc

__all__ = [
    "CHANNEL_OPTIONS",
    "model_config_pb2",
    "reconnect_options",
    "service_pb2",
    "service_pb2_grpc",
]

CHANNEL_OPTIONS = [
    ("grpc.max_send_message_length", -1),
    ("grpc.max_receive_message_length", -1),
    # a connection for each client: one that breaks must not take others with it
    ("grpc.use_local_subchannel_pool", 1),
]


def reconnect_options(longest_ms: int) -> list[tuple[str, int]]:
    """Return the options that make gRPC reconnect soon after Triton is up.

    It tries again after 100 ms at first, and after ``longest_ms`` at most. By default it waits for
    a second at first, and for two minutes at most.
    """
    waits = {"initial": 100, "min": 100, "max": longest_ms}
    return [(f"grpc.{name}_reconnect_backoff_ms", wait) for name, wait in waits.items()]
