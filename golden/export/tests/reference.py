"""The checkout that tests of the whole recorder take, where one is given: `DINOV3_REFERENCE=PATH python -m unittest`."""

import importlib.util
import os
import subprocess
import sys
import unittest
from pathlib import Path

EXPORT = Path(__file__).resolve().parents[1]
GIVEN = os.environ.get("DINOV3_REFERENCE")
HAS_TORCH = all(importlib.util.find_spec(name) for name in ("torch", "omegaconf", "safetensors"))
# What the tests of a recording need. They take minutes.
needed = unittest.skipUnless(GIVEN and HAS_TORCH, "needs torch, and DINOV3_REFERENCE=PATH of a checkout of the reference")


def run(program: str, *arguments, pinned: bool = False) -> subprocess.CompletedProcess:
    """A Python program of the exporter, run to its end."""
    from dinov3_export import pins

    command = [sys.executable, str(EXPORT / program), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=pins.worker_environment(pinned))
