"""Makes MKL take Intel's kernels on processors of other makers. Nothing here imports torch: the library must be loaded before
torch.

On another maker's processor MKL takes generic kernels and ignores `MKL_CBWR`, so a pinned recording would have other bits
although the instructions are the same. MKL asks a function of its own for the processor's maker; `mkl.c` replaces this
function."""

import atexit
import ctypes
import functools
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from . import ENVIRONMENT, ExportError

INTEL = "GenuineIntel"
SOURCE = Path(__file__).with_name("mkl.c")
PRELOAD = "LD_PRELOAD"


def cpu_vendor(cpuinfo: str = "/proc/cpuinfo") -> str | None:
    """The maker of the processor, by the processor's own name for it (`GenuineIntel`, `AuthenticAMD`)."""
    try:
        with open(cpuinfo, encoding="utf-8") as lines:
            for line in lines:
                if line.startswith("vendor_id"):
                    return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return None


def needs_telling() -> bool:
    """Whether MKL would take generic kernels: on an x86-64 processor of another maker than Intel."""
    return sys.platform == "linux" and platform.machine() == "x86_64" and cpu_vendor() != INTEL


@functools.cache
def library() -> Path:
    """The compiled `mkl.c`, in a temporary folder that is deleted when this process ends. Fails with exit code 3 if no
    compiler compiles it."""
    folder = Path(tempfile.mkdtemp(prefix="dinov3-mkl."))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    compiled = folder / "libdinov3mkl.so"
    hint = "install gcc or clang (CC names another one), or give --no-pins to record with the kernels MKL takes by itself"
    compiler = shutil.which(os.environ.get("CC") or "cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        raise ExportError("this processor is not Intel's, and there is no C compiler to have MKL treat it as if it were", hint,
                          ENVIRONMENT)
    done = subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", str(compiled), str(SOURCE)], capture_output=True, text=True,
                          check=False)
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["no message"])[0]
        raise ExportError(f"{Path(compiler).name} does not compile {SOURCE.name}: {reason}", hint, ENVIRONMENT)
    return compiled


def preloaded(environment: dict[str, str]) -> dict[str, str]:
    """The variables that make MKL take Intel's kernels; empty if MKL takes them by itself."""
    if not needs_telling():
        return {}
    others = environment.get(PRELOAD)
    return {PRELOAD: f"{library()}:{others}" if others else str(library())}


def was_told() -> bool:
    """Whether MKL has asked the preloaded library. MKL asks at its first product."""
    try:
        return ctypes.c_int.in_dll(ctypes.CDLL(None), "dinov3_mkl_asked").value != 0
    except (ValueError, OSError, TypeError):
        return False


def vendor_seen() -> str | None:
    """The processor's maker as MKL sees it. Correct only after MKL's first product."""
    return INTEL if was_told() else cpu_vendor()
