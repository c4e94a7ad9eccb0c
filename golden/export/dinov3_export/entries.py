"""Turns tensors into entries: statistics, a hash of every byte, and the elements that are stored."""

import hashlib
import zlib

import numpy as np
import torch

from .names import kept
from .sampling import stride
from .spread import Spread
from .stages import has_spread, sample_limit

DTYPES = {
    torch.float64: "F64",
    torch.float32: "F32",
    torch.float16: "F16",
    torch.bfloat16: "BF16",
    torch.int64: "I64",
    torch.int32: "I32",
    torch.uint8: "U8",
    torch.bool: "BOOL",
}


def _bytes(tensor: torch.Tensor) -> memoryview:
    """The little-endian contiguous bytes of a tensor on the host."""
    flat = tensor.reshape(-1)
    if flat.numel() == 0:
        return memoryview(b"")
    return memoryview(flat.view(torch.uint8).numpy())


def statistics(tensor: torch.Tensor) -> dict:
    """Figures over all elements, in float64 over the finite ones; null where none is finite.

    NumPy sums, not torch: its pairwise sum has one order on every machine, torch's depends on threads and vector width.
    Adding 0.0 turns -0.0, of which min and max may return either, into 0.0.
    """
    values = tensor.reshape(-1).to(torch.float64).numpy()
    finite = np.isfinite(values)
    count = int(values.size - np.count_nonzero(finite))
    if count:
        values = values[finite]
    if values.size == 0:
        return {"non_finite": count, "min": None, "max": None, "mean": None, "l2": None}
    return {
        "non_finite": count,
        "min": float(values.min() + 0.0),
        "max": float(values.max() + 0.0),
        "mean": float(values.sum() / values.size + 0.0),
        "l2": float(np.sqrt(np.square(values).sum())),
    }


def stored_part(tensor: torch.Tensor, limit: int) -> torch.Tensor:
    """The stored part of a contiguous tensor: all of it in its shape, or a flat sample."""
    step = stride(tensor.numel(), limit)
    return tensor if step == 1 else tensor.reshape(-1)[::step].contiguous()


def seen(name: str, tensor: torch.Tensor, limit: int, spread: Spread) -> None:
    """Passes the part of a tensor that would be stored to a spread."""
    stored = stored_part(tensor.detach().to("cpu").contiguous(), limit)
    spread.see(name, DTYPES[stored.dtype], stored.reshape(-1).to(torch.float64).numpy())


class Store:
    """Collects the entries of one precision, and the tensors for its file. `activations`: the set is one with
    activations, see `stages.sample_limit`."""

    def __init__(self, limit: int, activations: bool = False) -> None:
        self._limit, self._activations = limit, activations
        self.entries: list[dict] = []
        self.tensors: dict[str, torch.Tensor] = {}
        self._known: dict[tuple, str] = {}

    def limit(self, stage: str) -> int:
        """The largest number of stored elements of an entry in this stage; 0 for no limit."""
        return sample_limit(stage, self._limit, self._activations)

    def add(self, name: str, stage: str, tensor: torch.Tensor) -> None:
        """Records one tensor. The table of kinds decides how much is stored."""
        keep = kept(name, stage)
        value = tensor.detach().to("cpu").contiguous()
        view = _bytes(value)
        record = {"dtype": DTYPES[value.dtype], "shape": list(value.shape), "storage": "digest"}
        if keep != "digest":
            stored = value if keep == "full" else stored_part(value, self.limit(stage))
            record["storage"] = "full" if stored is value else "sample"
            record["tensor"] = self._keep(name, stored)
        record["stats"] = statistics(value)
        record["sha256"] = hashlib.sha256(view).hexdigest()
        record["crc32"] = f"{zlib.crc32(view):08x}"
        self.entries.append({"name": name, "stage": stage, "record": record})

    def add_spread(self, spread: Spread) -> None:
        """Adds the spread to each floating-point entry that has one."""
        for entry in self.entries:
            if has_spread(entry["stage"], entry["name"]) and (found := spread.of(entry["name"])):
                entry["record"]["spread"] = found

    def _keep(self, name: str, stored: torch.Tensor) -> str:
        """The name under which these elements are stored: the name of an earlier entry if that stored the same
        elements."""
        key = (stored.dtype, tuple(stored.shape), hashlib.sha256(_bytes(stored)).digest())
        if key not in self._known:
            self._known[key] = name
            # A copy: the module that made the tensor, or the next one, may write into it.
            self.tensors[name] = stored.clone()
        return self._known[key]
