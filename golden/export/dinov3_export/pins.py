"""The instruction set that a recording is pinned to. Nothing here imports torch: the pins must be set before it."""

import importlib.util
import os

from . import ENVIRONMENT, ExportError, mkl

# The bits of softmax, GELU, attention and of every bf16 product depend on the vector width that ATen, MKL and oneDNN
# choose at run time, and so do the bits of the initial weights (MKL computes the truncated normal's inverse error
# function).
# Every x86-64 server of the last ten years has AVX2.
PINS = {"ATEN_CPU_CAPABILITY": "avx2", "MKL_CBWR": "AVX2", "ONEDNN_MAX_CPU_ISA": "AVX2"}

# NumPy's own vector code of these levels may round cosines in another way than the C library, by which the schedules are
# judged. A level that a processor or a version of NumPy does not know changes nothing.
PLAIN_COSINES = {"NPY_DISABLE_CPU_FEATURES": "X86_V4 AVX512_ICL AVX512_SPR"}

# Freed memory returns to the system at once: a step of ViT-L in float64 needs 15 GB instead of more than 18.
SMALL_HEAP = {"MALLOC_MMAP_THRESHOLD_": str(1 << 20)}

# Import name -> name on the package index, for the packages that the exporter and the imported reference need.
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
    """The environment of a recording process: the pins set (with MKL told that the processor is Intel's) or removed,
    the C library's cosines, freed memory returned, UTF-8 texts in every locale, and no `__pycache__` in the
    checkout."""
    environment = {key: value for key, value in os.environ.items() if key not in PINS}
    if pinned:
        environment.update(PINS)
        environment.update(mkl.preloaded(environment))
    environment.update({**PLAIN_COSINES, **SMALL_HEAP})
    environment["PYTHONDONTWRITEBYTECODE"] = "1"
    environment["PYTHONUTF8"] = "1"
    return environment


def settings() -> dict[str, str | None]:
    """The pins of this process, under their names in a fingerprint; null for a pin that is not set."""
    return {
        "mkl_cbwr": os.environ.get("MKL_CBWR"),
        "onednn_max_cpu_isa": os.environ.get("ONEDNN_MAX_CPU_ISA"),
    }


def device_kind(device: str) -> str:
    """The kind of a device: `cuda` of `cuda:1`."""
    return device.partition(":")[0]


def imports(device: str, named: list[str] | tuple[str, ...] = ()) -> list[str]:
    """The modules that add the device to torch: those that the user names, and Ascend's."""
    return [*(["torch_npu"] if device_kind(device) == "npu" and "torch_npu" not in named else []), *named]


def require_packages(device: str, named: list[str] | tuple[str, ...] = ()) -> None:
    """Fails with exit code 3 if a package is not installed, before any work is done. `named` are modules that the user asks
    for."""
    missing = sorted(shown for name, shown in PACKAGES.items() if importlib.util.find_spec(name) is None)
    if missing:
        raise ExportError(
            f"missing Python packages: {', '.join(missing)}",
            "install them with `python -m pip install -r golden/export/requirements.txt` (Python 3.11)",
            ENVIRONMENT,
        )
    for name in imports(device, named):
        if importlib.util.find_spec(name.partition(".")[0]) is None:
            raise ExportError(f"there is no module `{name}`, which the device {device} needs",
                              "install the version of it that belongs to your PyTorch and your driver", ENVIRONMENT)
