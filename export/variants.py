"""The table of variants: names, configs, the report and tests come from its rows."""

from collections.abc import Callable
from dataclasses import dataclass
from operator import attrgetter
from pathlib import PurePosixPath
from typing import Literal

from export.errors import ExportError

CONFIG = "config.pbtxt"
MODEL_VERSION = "1"  # Triton's: the folder that holds the model files

Format = Literal["savedmodel", "onnx", "openvino"]
Device = Literal["any", "cpu", "gpu"]
Graph = Literal["plain", "fused", "half", "packed"]  # ONNX graphs; graphs.conversion makes them


@dataclass(frozen=True)
class Runtime:
    """Triton's name for the runtime of a format, and the file that it looks for."""

    backend: str
    file_name: str
    platform: str = ""  # "" where the backend is enough


RUNTIMES: dict[Format, Runtime] = {
    "savedmodel": Runtime("tensorflow", "model.savedmodel", platform="tensorflow_savedmodel"),
    "onnx": Runtime("onnxruntime", "model.onnx"),
    "openvino": Runtime("openvino", "model.xml"),
}


@dataclass(frozen=True)
class Padding:
    """How far a client pads the rows that it sends, and why."""

    multiple: int | None  # pads to a multiple of so many tokens; None: to the sequence length
    reason: str


PAD_TO_64 = Padding(
    64,
    "NVIDIA's backends compute the padding, so there is little of it: padded to multiples of 64, "
    "windows of SQuAD are 14 % padding; to 384 tokens, 54 %. And there are few lengths, as Triton "
    "batches only requests of equal length, and a GPU keeps kernels for each shape",
)
PAD_TO_SEQUENCE = Padding(
    None,
    "All rows have one length, so that Triton can batch any requests. The padding costs nothing: "
    "it is dropped before the model computes",
)


@dataclass(frozen=True)
class Variant:
    """One way to compute the model, with everything in which it differs from the others."""

    format: Format
    precision: str
    graph: Graph | None  # that its files are made from; None: TensorFlow traces its own
    device: Device  # where it runs
    tolerance: float | None  # largest logit difference to the reference; None: judged by answers
    computes: str  # its precision, in words
    device_reason: str = ""  # why it does not run on any device
    # its rank among the variants worth serving: 1 is the fastest, 0 has no rank. CPU ranks were
    # measured (docs/exporting.md); GPU ranks follow published figures
    cpu_place: int = 0
    gpu_place: int = 0
    # flags of /proc/cpuinfo; the variant is worth serving on a CPU that has one of them
    cpu_flags: tuple[str, ...] = ()
    tf32: bool | None = None  # the run-time setting, where it tells two variants apart
    padding: Padding = PAD_TO_64
    max_rows: int = 32  # of one request; a native backend takes 20 MB for a row of 384 tokens
    instances: int = 1  # of the model, in one Triton

    def tolerance_on(self, *, gpu: bool) -> float | None:
        """Return the largest logit difference to the reference, on a GPU or on a CPU.

        TF32 has as many mantissa bits as fp16; CPUs do not have it.
        """
        return FP16_TOLERANCE if gpu and self.tf32 else self.tolerance

    @property
    def calibrated(self) -> bool:
        """Whether it has fixed int8 scales, which are measured on windows of real text."""
        return self.format == "openvino" and self.precision == "int8"

    @property
    def name(self) -> str:
        """What ``--variants`` calls it."""
        return f"{self.format}_{self.precision}"

    @property
    def model_name(self) -> str:
        """Triton's model name, and its folder in the model repository."""
        return f"electra_qa_{self.name}"

    @property
    def twin(self) -> str:
        """The name of the variant with the same model files: TF32 is a setting at run time."""
        return self.name.replace("tf32", "fp32")

    @property
    def runtime(self) -> Runtime:
        """Triton's names for what runs it."""
        return RUNTIMES[self.format]

    @property
    def folder(self) -> str:
        """The path, in the model repository, of the folder with all of its model files."""
        return str(PurePosixPath(self.model_name, MODEL_VERSION))

    @property
    def file(self) -> str:
        """The path, in the model repository, of the file or folder that the backend opens."""
        return str(PurePosixPath(self.folder, self.runtime.file_name))


FP32_TOLERANCE = 1e-4  # on a CPU, where TF32 does not exist
FP16_TOLERANCE = 0.03
# ONNX Runtime's int8 kernels use these; an ARM CPU without dot products is no faster with int8
INT8 = ("avx2", "asimddp", "i8mm")
# OpenVINO uses these, on x86 alone: it does not compute in bf16 on ARM
VNNI = ("avx512_vnni", "avx_vnni", "amx_int8")
BF16 = ("avx512_bf16", "amx_bf16")

VARIANTS = (
    Variant(
        format="savedmodel",
        precision="fp32",
        graph=None,
        device="any",
        tolerance=FP32_TOLERANCE,
        computes="fp32, with TF32 switched off on GPUs that have it",
        cpu_place=5,
        tf32=False,
    ),
    Variant(
        format="savedmodel",
        precision="tf32",
        graph=None,
        device="any",
        tolerance=FP32_TOLERANCE,
        computes="the graph of savedmodel_fp32; TF32 on GPUs that have it, fp32 elsewhere",
        tf32=True,
    ),
    Variant(
        format="savedmodel",
        precision="fp16",
        graph=None,
        device="any",
        tolerance=FP16_TOLERANCE,
        computes="fp16, with LayerNorm, softmax and logits in fp32",
    ),
    Variant(
        format="onnx",
        precision="fp32",
        graph="fused",
        device="any",
        tolerance=FP32_TOLERANCE,
        computes="fp32, fused; `use_tf32` 0",
        cpu_place=4,
        gpu_place=4,
        tf32=False,
    ),
    Variant(
        format="onnx",
        precision="tf32",
        graph="fused",
        device="any",
        tolerance=FP32_TOLERANCE,
        computes="the graph of onnx_fp32; `use_tf32` 1, fp32 where there is no such GPU",
        gpu_place=3,
        tf32=True,
    ),
    Variant(
        format="onnx",
        precision="fp16",
        graph="half",
        device="any",
        tolerance=FP16_TOLERANCE,
        computes="fp16, converted from the fused fp32 graph",
        gpu_place=2,
    ),
    Variant(
        format="onnx",
        precision="fp16_packed",
        graph="packed",
        device="gpu",
        tolerance=FP16_TOLERANCE,
        computes="fp16, padding removed inside the graph (packing mode); CUDA only",
        device_reason="packed attention exists for CUDA alone",
        gpu_place=1,
        padding=PAD_TO_SEQUENCE,
        max_rows=128,
        instances=2,
    ),
    Variant(
        format="onnx",
        precision="int8",
        graph="fused",
        device="cpu",
        tolerance=None,
        computes="int8 weights per channel, activations quantized dynamically",
        device_reason="its integer kernels are for CPUs",
        cpu_place=3,
        cpu_flags=INT8,
    ),
    Variant(
        format="openvino",
        precision="bf16",
        graph="plain",
        device="cpu",
        tolerance=None,
        computes="bf16 where the CPU has it, fp32 elsewhere",
        device_reason="OpenVINO is used for CPUs only",
        cpu_place=2,
        cpu_flags=BF16,
        padding=PAD_TO_SEQUENCE,
    ),
    Variant(
        format="openvino",
        precision="int8",
        graph="plain",
        device="cpu",
        tolerance=None,
        computes="static int8, calibrated; the rest in bf16 where the CPU has it, else fp32",
        device_reason="OpenVINO is used for CPUs only",
        cpu_place=1,
        cpu_flags=VNNI,
        padding=PAD_TO_SEQUENCE,
    ),
)

TF32_CAPABILITY = (8, 0)  # the first with TF32, Ampere


def _in_order(place: Callable[[Variant], int]) -> tuple[Variant, ...]:
    return tuple(sorted(filter(place, VARIANTS), key=place))


#: The variants worth serving on a CPU, fastest first where the CPU has their flags.
CPU_ORDER = _in_order(attrgetter("cpu_place"))
#: Those worth serving on a GPU.
GPU_ORDER = _in_order(attrgetter("gpu_place"))


def variant_named(name: str) -> Variant:
    """Return the variant that ``--variants`` calls ``name``."""
    return next(variant for variant in VARIANTS if variant.name == name)


def variants_for_cpu(flags: frozenset[str]) -> tuple[Variant, ...]:
    """Return those of ``CPU_ORDER`` that are worth serving on a CPU with these flags."""
    return tuple(
        each for each in CPU_ORDER if not each.cpu_flags or not flags.isdisjoint(each.cpu_flags)
    )


def variants_for_gpu(capability: tuple[int, int]) -> tuple[Variant, ...]:
    """Return those of ``GPU_ORDER`` that are worth serving on a GPU of this compute capability.

    On a GPU without TF32, ``onnx_tf32`` computes what ``onnx_fp32`` does.
    """
    return tuple(each for each in GPU_ORDER if not each.tf32 or capability >= TF32_CAPABILITY)


def select_variants(names: str) -> tuple[Variant, ...]:
    """Return the variants that ``names`` lists, separated by spaces or commas; all if it is empty.

    Raises ExportError when a name is not in the table.
    """
    known = {variant.name: variant for variant in VARIANTS}
    wanted = names.replace(",", " ").split()
    if unknown := [name for name in wanted if name not in known]:
        raise ExportError(f"unknown variant {', '.join(unknown)}; known are {', '.join(known)}")
    return tuple(variant for name, variant in known.items() if not wanted or name in wanted)
