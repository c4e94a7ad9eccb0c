"""The spread: the largest distance of each entry from the truth when the reference's float32 runs several times with
every input number moved by one ulp. Needs no torch."""

import json
from pathlib import Path

import numpy as np

from . import FAILED, ExportError
from .stages import has_spread
from .tensorfile import TensorFile

FLOATS = ("F64", "F32", "F16", "BF16")


def errors(values: np.ndarray, truth: np.ndarray) -> tuple[float, float] | None:
    """(‖values - truth‖ / ‖truth‖, max |values - truth| / rms(truth)) of flat float64 arrays; None if there is no
    element, the truth has norm zero, or a number is not finite."""
    norm = float(np.sqrt(np.square(truth).sum()))
    if values.size == 0 or norm == 0.0 or not np.isfinite(norm) or not np.isfinite(values).all():
        return None
    distance = np.abs(values - truth)
    return float(np.sqrt(np.square(distance).sum())) / norm, float(distance.max()) / (norm / float(np.sqrt(truth.size)))


class Spread:
    """Compares the entries of each run, in order, with the truth recorded just before, and keeps the largest error of
    each entry."""

    def __init__(self, folder: Path) -> None:
        recorded = json.loads((folder / "truth.json").read_text(encoding="utf-8"))["entries"]
        self._truth = [(entry["name"], entry["record"]) for entry in recorded if has_spread(entry["stage"], entry["name"])]
        self._file = TensorFile(folder / "truth.safetensors")
        self._worst: dict[str, tuple[float, float]] = {}
        self._silent: set[str] = set()
        self._next = 0
        self.runs = 0

    def see(self, name: str, dtype: str, values: np.ndarray) -> None:
        """The stored elements, flat float64, of the run's next entry."""
        expected, record = self._truth[self._next] if self._next < len(self._truth) else ("nothing", {})
        if name != expected:
            raise ExportError(f"run {self.runs + 1} of the spread recorded {name} where the truth has {expected}", "", FAILED)
        self._next += 1
        truth = self._file.values(record["tensor"])
        if values.shape != truth.shape:
            raise ExportError(f"{name} has {values.size} stored elements but {truth.size} in the truth", "", FAILED)
        if dtype not in FLOATS:
            # A random draw must be the same, or the run would be another experiment.
            if not np.array_equal(values, truth):
                raise ExportError(f"run {self.runs + 1} of the spread drew another {name}", "", FAILED)
            return
        found = errors(values, truth)
        if found is None:
            self._silent.add(name)
            return
        before = self._worst.get(name, (0.0, 0.0))
        self._worst[name] = (max(before[0], found[0]), max(before[1], found[1]))

    def end_run(self) -> None:
        """Called after each run; the next run starts at the first entry again."""
        if self._next != len(self._truth):
            raise ExportError(f"run {self.runs + 1} of the spread has {self._next} entries, the truth {len(self._truth)}",
                              "", FAILED)
        self._next = 0
        self.runs += 1

    def of(self, name: str) -> dict | None:
        """The manifest's `spread` of an entry; None if a run could not be compared."""
        if name not in self._worst or name in self._silent:
            return None
        rel_l2, rel_max = self._worst[name]
        return {"runs": self.runs, "rel_l2": rel_l2, "rel_max": rel_max}
