"""The difference between a new recording and the set that it would replace. Needs no torch."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from . import ExportError
from .names import path_in
from .tensorfile import TensorFile
from .writer import INPUTS, MANIFEST, STATE

WORST = 8
ONLY_HASHES = "values differ, only hashes are stored"


@dataclass
class Change:
    """A record that differs. `rel_l2` is over the stored elements; None if no elements are stored or the shapes
    differ."""

    stage: str
    name: str
    precision: str
    rel_l2: float | None
    note: str


class GoldenFolder:
    """A recorded set, opened for comparison."""

    def __init__(self, folder: Path) -> None:
        try:
            self.manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise ExportError(f"{folder.name} is not a readable golden set: {error}",
                              "move it away, or record elsewhere with --out") from error
        self.folder = folder
        self._files: dict[str, TensorFile] = {}

    def records(self) -> Iterator[tuple[tuple[str, str, str], dict]]:
        """All records as ((stage, name, precision), record), in execution order."""
        for entry in self.manifest["entries"]:
            for precision, record in entry["records"].items():
                yield (entry["stage"], entry["name"], precision), record

    def values(self, precision: str, record: dict) -> np.ndarray:
        """The stored elements of a record, flat, as float64."""
        if precision not in self._files:
            self._files[precision] = TensorFile(self.folder / f"{precision}.safetensors")
        return self._files[precision].values(record["tensor"])


def same_bytes(one: Path, other: Path) -> bool:
    """Whether two sets have the same files with the same bytes."""
    names = sorted(path.name for path in one.iterdir())
    return names == sorted(path.name for path in other.iterdir()) and all(
        (one / name).read_bytes() == (other / name).read_bytes() for name in names
    )


def _difference(
    old: GoldenFolder, new: GoldenFolder, name: str, precision: str, before: dict, after: dict
) -> tuple[float | None, str]:
    for key in ("dtype", "shape"):
        if before[key] != after[key]:
            return None, f"{key} {before[key]} -> {after[key]}"
    if "tensor" not in before or "tensor" not in after:
        return None, ONLY_HASHES
    ours, theirs = old.values(precision, before), new.values(precision, after)
    if ours.shape != theirs.shape:
        return None, f"{ours.size} stored elements -> {theirs.size}"
    norm = float(np.sqrt(np.square(ours).sum()))
    distance = float(np.sqrt(np.square(theirs - ours).sum()))
    if distance == 0.0:
        return 0.0, "differs outside the sample"
    note = f"from step {np.flatnonzero(ours != theirs)[0]} on" if path_in("trajectory", name) is not None else ""
    return (distance / norm if norm else float("inf")), note


def compare(old: GoldenFolder, new: GoldenFolder) -> tuple[list[tuple], list[Change]]:
    """Per stage (stage, records, added, removed, identical), and every change in execution order."""
    before, after = dict(old.records()), dict(new.records())
    changes: list[Change] = []
    rows = []
    for stage in dict.fromkeys(key[0] for key in [*after, *before]):
        ours, theirs = [k for k in before if k[0] == stage], [k for k in after if k[0] == stage]
        shared = [key for key in theirs if key in before]
        identical = 0
        for key in shared:
            if all(before[key][part] == after[key][part] for part in ("dtype", "shape", "sha256")):
                identical += 1
                continue
            rel_l2, note = _difference(old, new, key[1], key[2], before[key], after[key])
            changes.append(Change(stage, key[1], key[2], rel_l2, note))
        rows.append((stage, len(theirs), len(theirs) - len(shared), len(ours) - len(shared), identical))
    # A stage may have entries before and after another stage's: the optimizer's tables come first, its moments late.
    place = {key: index for index, key in enumerate(after)}
    changes.sort(key=lambda change: place[change.stage, change.name, change.precision])
    return rows, changes


def changed_spreads(old: GoldenFolder, new: GoldenFolder) -> int:
    """The number of records in both sets whose spread differs, or exists in only one set."""
    before = dict(old.records())
    return sum(key in before and before[key].get("spread") != record.get("spread") for key, record in new.records())


def changed_files(old: Path, new: Path) -> list[tuple[str, str]]:
    """The changes of the files without records: inputs, and the state that steps start from."""
    found = []
    for name in (INPUTS, STATE):
        had, has = (old / name).exists(), (new / name).exists()
        if had != has:
            found.append((name, "is gone" if had else "is new"))
        elif had and (old / name).read_bytes() != (new / name).read_bytes():
            found.append((name, "differs"))
    return found


def _changed_keys(old: dict, new: dict, prefix: str = "") -> list[str]:
    found = []
    for key in dict.fromkeys([*old, *new]):
        if key == "entries" or old.get(key) == new.get(key):
            continue
        if isinstance(old.get(key), dict) and isinstance(new.get(key), dict):
            found += _changed_keys(old[key], new[key], f"{prefix}{key}.")
        else:
            found.append(f"{prefix}{key}: {json.dumps(old.get(key))} -> {json.dumps(new.get(key))}")
    return found


def _gravity(change: Change) -> tuple[int, float]:
    """Sorts a changed shape before any figure, figures from large to small, bare hashes last."""
    if change.rel_l2 is not None:
        return 1, -change.rel_l2
    return (2 if change.note == ONLY_HASHES else 0), 0.0


def _shown(change: Change) -> str:
    figure = "-" if change.rel_l2 is None else f"{change.rel_l2:.3e}"
    return f"    {figure:>10}  {change.precision:<5}  {change.name}" + (f"  ({change.note})" if change.note else "")


def report(old_folder: Path, new_folder: Path) -> str:
    """The scored difference as text: changes of the manifest, one line per stage, the worst records."""
    old, new = GoldenFolder(old_folder), GoldenFolder(new_folder)
    rows, changes = compare(old, new)
    lines = [f"{new.manifest['name']}: the new recording against the recorded set"]
    lines += [f"  manifest {line}" for line in _changed_keys(old.manifest, new.manifest)]
    lines += [f"  {name} {what}" for name, what in changed_files(old_folder, new_folder)]
    lines.append(f"  {'stage':<10}{'records':>9}{'added':>7}{'removed':>9}{'identical':>11}{'changed':>9}{'max rel_l2':>12}")
    for stage, records, added, removed, identical in rows:
        figures = [c.rel_l2 for c in changes if c.stage == stage and c.rel_l2 is not None]
        worst = f"{max(figures):.3e}" if figures else "-"
        changed = sum(c.stage == stage for c in changes)
        lines.append(f"  {stage:<10}{records:>9}{added:>7}{removed:>9}{identical:>11}{changed:>9}{worst:>12}")
    if spreads := changed_spreads(old, new):
        lines.append(f"  spread changed in {spreads} records")
    if changes:
        ranked = sorted(changes, key=_gravity)
        lines.append(f"  first in execution order: {changes[0].precision} {changes[0].name}")
        lines.append("  worst (rel_l2, precision, name)")
        lines += [_shown(change) for change in ranked[:WORST]]
    return "\n".join(lines)
