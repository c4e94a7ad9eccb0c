"""The instruction set that a recording is pinned to. Nothing here imports torch: the pins must be set before it."""

import importlib.util
import os

from . import ENVIRONMENT, ExportError, mkl

# The bits of softmax, GELU, attention and of every bf16 product depend on the vector width that ATen, MKL and oneDNN
# choose at run time; those of the initial weights too (MKL computes the truncated normal's inverse error function).
# AVX2 is what every x86-64 server of the last ten years has.
PINS = {"ATEN_CPU_CAPABILITY": "avx2", "MKL_CBWR": "AVX2", "ONEDNN_MAX_CPU_ISA": "AVX2"}

# NumPy's own vector code of these levels may round cosines in another way than the C library, by which the schedules are
# judged. A level that a processor or a version of NumPy does not know changes nothing.
PLAIN_COSINES = {"NPY_DISABLE_CPU_FEATURES": "X86_V4 AVX512_ICL AVX512_SPR"}

# Memory that is freed goes back at once: a step of ViT-L in float64 needs 15 GB instead of more than 18.
SMALL_HEAP = {"MALLOC_MMAP_THRESHOLD_": str(1 << 20)}

# Import name -> name on the package index: what the exporter and the part of the reference that it imports need.
PACKAGES = {
    "torch": "torch",
    "torchvision": "torchvision",
    "numpy": "numpy",
    "PIL": "pillow",
    "omegaconf": "omegaconf",
    "safetensors": "safetensors",
    "termcolor": "termcolor",
}


def worker_environment(pinned: bool) -> dict[str, str]:
    """The environment of a recording process: the pins set (and MKL told that the processor is Intel's) or taken away, the C
    library's cosines, memory given back, texts that are UTF-8 whatever the locale, and no `__pycache__` in the checkout."""
    environment = {key: value for key, value in os.environ.items() if key not in PINS}
    if pinned:
        environment.update(PINS)
        environment.update(mkl.preloaded(environment))
    environment.update({**PLAIN_COSINES, **SMALL_HEAP})
    environment["PYTHONDONTWRITEBYTECODE"] = "1"
    environment["PYTHONUTF8"] = "1"
    return environment


def settings() -> dict[str, str | None]:
    """The pins as this process sees them, under the names that a fingerprint uses; null where one is not set."""
    return {
        "mkl_cbwr": os.environ.get("MKL_CBWR"),
        "onednn_max_cpu_isa": os.environ.get("ONEDNN_MAX_CPU_ISA"),
    }


def require_packages(device: str) -> None:
    """Fails with exit code 3 when a package is not installed, before any work is done."""
    wanted = dict(PACKAGES)
    if device == "npu":
        wanted["torch_npu"] = "torch-npu"
    missing = sorted(shown for name, shown in wanted.items() if importlib.util.find_spec(name) is None)
    if missing:
        raise ExportError(
            f"missing Python packages: {', '.join(missing)}",
            "install them with `python -m pip install -r golden/export/requirements.txt` (Python 3.11)",
            ENVIRONMENT,
        )
