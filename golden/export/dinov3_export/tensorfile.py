"""Reads a safetensors file with NumPy alone, so that comparing two sets needs no torch."""

import json
import struct
from pathlib import Path

import numpy as np

from . import ExportError

_DTYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2", "I64": "<i8", "I32": "<i4", "U8": "u1", "BOOL": "u1"}


class TensorFile:
    """A safetensors file opened for reading. It returns tensors flat, as float64."""

    def __init__(self, path: Path) -> None:
        try:
            self._data = np.memmap(path, dtype=np.uint8, mode="r")
            (length,) = struct.unpack("<Q", self._data[:8].tobytes())
            self._header = json.loads(self._data[8 : 8 + length].tobytes())
        except (OSError, ValueError, struct.error) as error:
            raise ExportError(f"cannot read {path.name}: {error}", "record the set again") from error
        self._start = 8 + length

    def metadata(self) -> dict[str, str]:
        """The texts that the file's header holds beside the tensors."""
        return self._header.get("__metadata__", {})

    def bytes(self, name: str) -> bytes:
        """The stored bytes of a tensor."""
        begin, end = self._header[name]["data_offsets"]
        return self._data[self._start + begin : self._start + end].tobytes()

    def values(self, name: str) -> np.ndarray:
        """The stored elements of a tensor."""
        entry = self._header[name]
        flat = np.frombuffer(self.bytes(name), dtype=_DTYPES[entry["dtype"]])
        if entry["dtype"] == "BF16":
            # bfloat16 is the upper half of a float32.
            flat = (flat.astype(np.uint32) << 16).view(np.float32)
        return flat.astype(np.float64)
