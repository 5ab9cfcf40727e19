"""The peak TFLOP/s of this device: ``python -m loadtest.batches.peak PRECISION DEVICE``.

It computes one large matrix product in the runtime and the precision of a variant. It is a process
of its own, as a runtime that crashes or keeps its threads must not affect the measurement. The
fastest of many runs counts, as a peak is a ceiling. Operations on integers count like those on
floats.
"""

import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from embedded.backends.providers import CPU, CUDA, Provider

SIZES = {"cpu": 2048, "gpu": 8192}  # rows and columns of the factors
SECONDS = 2.0
LEAST = 5  # runs


class PeakError(Exception):
    """A peak that cannot be measured; the message says why."""


def measure_peak(precision: str, device: str) -> float:
    """Return the TFLOP/s of a product in ``precision`` on ``device``, "cpu" or "gpu".

    ``precision`` is "fp32", "tf32", "fp16" or "int8" for ONNX Runtime, "openvino_bf16" or
    "openvino_int8" for OpenVINO. Raises PeakError when the runtime would use another precision or
    device.
    """
    size = SIZES[device]
    if precision.startswith("openvino_"):
        run = _openvino(precision.removeprefix("openvino_"), size)
    else:
        run = _onnxruntime(precision, device, size)
    return 2 * size**3 / _fastest(run) / 1e12


def _fastest(run: Callable[[], object]) -> float:
    run()
    seconds: list[float] = []
    begun = time.perf_counter()
    while len(seconds) < LEAST or time.perf_counter() - begun < SECONDS:
        started = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - started)
    return min(seconds)


def _factors(precision: str, size: int) -> tuple[NDArray[Any], NDArray[Any]]:
    random = np.random.default_rng(0)
    if precision == "int8":
        left = random.integers(0, 255, (size, size), dtype=np.uint8)
        return left, random.integers(-127, 127, (size, size), dtype=np.int8)
    dtype = np.float16 if precision == "fp16" else np.float32
    left, right = random.uniform(-1, 1, (2, size, size))
    return left.astype(dtype), right.astype(dtype)


def _onnxruntime(precision: str, device: str, size: int) -> Callable[[], object]:
    import onnxruntime
    from onnx import TensorProto, helper, numpy_helper

    from embedded.backends.onnx_session import check_session, preload

    left, right = _factors(precision, size)
    outputs = {"int8": TensorProto.INT32, "fp16": TensorProto.FLOAT16}
    operator = "MatMulInteger" if precision == "int8" else "MatMul"
    graph = helper.make_graph(
        [helper.make_node(operator, ["left", "right"], ["product"])],
        "peak",
        [helper.make_tensor_value_info("left", helper.np_dtype_to_tensor_dtype(left.dtype), None)],
        [helper.make_tensor_value_info("product", outputs.get(precision, TensorProto.FLOAT), None)],
        [numpy_helper.from_array(right, "right")],  # a weight, whose layout a runtime may change
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    providers: list[Provider] = [(CPU, {})]
    if device == "gpu":
        providers.insert(0, (CUDA, {"use_tf32": str(int(precision == "tf32"))}))
    preload(providers)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=providers)
    try:
        check_session(session, providers)
    except RuntimeError as error:
        raise PeakError(str(error)) from error
    place = "cuda" if device == "gpu" else "cpu"
    binding = session.io_binding()  # factors and product stay on the device
    binding.bind_ortvalue_input("left", onnxruntime.OrtValue.ortvalue_from_numpy(left, place))
    binding.bind_output("product", place)
    return lambda: session.run_with_iobinding(binding)


def _openvino(precision: str, size: int) -> Callable[[], object]:
    from embedded.backends.openvino_ir import openvino

    ops = openvino.opset13
    left, right = _factors("fp32", size)
    parameter = ops.parameter([size, size], np.float32, name="left")
    factors = [parameter, ops.constant(right)]
    if precision == "int8":  # marked for int8 as nncf does it
        ranges = ((0, 1, 256), (-1, 1, 255))  # for u8 activations and i8 weights
        factors = [
            ops.fake_quantize(each, *(np.float32(limit) for limit in (low, high) * 2), levels)
            for each, (low, high, levels) in zip(factors, ranges, strict=True)
        ]
    product = ops.matmul(*factors, False, True)
    hint = {"INFERENCE_PRECISION_HINT": "bf16"} if precision == "bf16" else {}
    model = openvino.Model([product], [parameter])
    compiled = openvino.Core().compile_model(model, "CPU", hint)
    computed = _computed_in(compiled)
    if computed not in {"bf16": {"bf16"}, "int8": {"i8", "u8"}}[precision]:
        raise PeakError(f"OpenVINO computes the product in {computed} on this CPU")
    request = compiled.create_infer_request()
    return lambda: request.infer({0: left}, share_inputs=True, share_outputs=True)


def _computed_in(compiled: Any) -> str:
    """Return the precision in which OpenVINO says it computes the product."""
    for node in compiled.get_runtime_model().get_ordered_ops():
        info = node.get_rt_info()
        if info["layerType"].astype(str) in ("FullyConnected", "MatMul"):
            return str(info["runtimePrecision"].astype(str))
    raise PeakError("OpenVINO's graph holds no matrix product")


def main() -> int:
    """Print the TFLOP/s; return the exit code."""
    try:
        print(measure_peak(*sys.argv[1:]))
    except PeakError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
