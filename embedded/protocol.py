"""Triton's gRPC messages and stubs, as tritonclient has them.

tritonclient imports ml_dtypes for bfloat16, which is no part of the contract. The gateway's image
leaves those 24 MB out, and an empty module takes their place.
"""

import importlib.util
import sys
from types import ModuleType

if importlib.util.find_spec("ml_dtypes") is None:
    sys.modules["ml_dtypes"] = ModuleType("ml_dtypes")

from tritonclient.grpc import model_config_pb2, service_pb2, service_pb2_grpc

__all__ = ["model_config_pb2", "service_pb2", "service_pb2_grpc"]
