"""Puts recorded runs together to a golden trajectory: `manifest.json` and a file of columns each. Needs no torch."""

import hashlib
import json
import os
import struct
from datetime import datetime, timezone
from pathlib import Path

from . import COMMIT, FAILED, REPOSITORY, USAGE, ExportError

COLUMNS, RUN, STATES = "columns.safetensors", "run.json", "states.json"
MANIFEST = "manifest.json"


def _narrowed(values: bytes) -> bytes | None:
    """Float64 values as float32; None if a value is no float32. A NaN stays one."""
    count = len(values) // 8
    wide = struct.unpack(f"<{count}d", values)
    try:
        narrow = struct.pack(f"<{count}f", *wide)
    except OverflowError:
        return None
    again = struct.unpack(f"<{count}f", narrow)
    return narrow if all(a == b or (a != a and b != b) for a, b in zip(wide, again)) else None


def compact(file: bytes) -> bytes:
    """The same columns in a safetensors file, with float64 only where a value needs it."""
    (length,) = struct.unpack("<Q", file[:8])
    header, body = json.loads(file[8 : 8 + length]), file[8 + length :]
    header.pop("__metadata__", None)
    found, data = {}, b""
    for name in sorted(header):
        begin, end = header[name]["data_offsets"]
        dtype, values = header[name]["dtype"], body[begin:end]
        if dtype == "F64" and (narrow := _narrowed(values)) is not None:
            dtype, values = "F32", narrow
        found[name] = {"dtype": dtype, "shape": header[name]["shape"], "data": values}
    # The wider types first, so that every column is aligned.
    records = {}
    for name in sorted(found, key=lambda name: (found[name]["dtype"] == "F32", name)):
        values = found[name].pop("data")
        records[name] = {**found[name], "data_offsets": [len(data), len(data) + len(values)]}
        data += values
    text = json.dumps(records, separators=(",", ":")).encode("utf-8")
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + data


def dataset(folder: Path) -> dict:
    """The images of a folder of ImageNet's layout: how many, and the hash of the list of their hashes."""
    lines = []
    for path in sorted(folder.glob("train/*/*.JPEG")):
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        lines.append(f"{digest}  {path.relative_to(folder).as_posix()}\n")
    if not lines:
        raise ExportError(f"{folder} has no train/*/*.JPEG", "give the folder of the recorded images", USAGE)
    return {"folder": "model/program/recipes/photographs", "images": len(lines),
            "sha256": hashlib.sha256("".join(lines).encode("utf-8")).hexdigest()}


def _run(folder: Path, target: Path) -> dict:
    """One run's entry of the manifest; writes its columns."""
    try:
        about = json.loads((folder / RUN).read_text(encoding="utf-8"))
        states = json.loads((folder / STATES).read_text(encoding="utf-8"))
        columns = compact((folder / COLUMNS).read_bytes())
    except FileNotFoundError as error:
        raise ExportError(f"{folder} holds no finished recording: {Path(error.filename).name} is missing",
                          "a recording writes it at its last step", USAGE) from error
    if states and states[-1]["step"] > about["steps"]:
        raise ExportError(f"{folder}: a state after {states[-1]['step']} of {about['steps']} steps", "", FAILED)
    file = f"{about['precision']}.safetensors"
    (target / file).write_bytes(columns)
    return {"precision": about["precision"], "file": file, "sha256": hashlib.sha256(columns).hexdigest(),
            "steps": about["steps"], "horizon": about["horizon"], "program": about["program"],
            "fingerprint": about["fingerprint"], "recorded": about["recorded"], "states": states}


def gather(folders: list[Path], target: Path, recipe: Path, images: Path, description: str) -> None:
    """Writes the trajectory `target` from the folders of finished recordings of one recipe."""
    target.mkdir(parents=True, exist_ok=True)
    runs = [_run(folder, target) for folder in folders]
    precisions = [run["precision"] for run in runs]
    if len(set(precisions)) < len(precisions):
        raise ExportError(f"two runs have the same precision: {', '.join(precisions)}", "give one run of each", USAGE)
    manifest = {
        "schema_version": 1, "name": target.name, "description": description,
        "reference": {"repository": REPOSITORY, "commit": COMMIT},
        "recipe": {"name": recipe.stem, "yaml": recipe.read_text(encoding="utf-8"), "overrides": []},
        "dataset": dataset(images), "runs": runs,
    }
    temporary = target / f".{MANIFEST}.tmp"
    temporary.write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
    os.replace(temporary, target / MANIFEST)


def today() -> str:
    """The date, as a manifest has it."""
    return datetime.now(timezone.utc).date().isoformat()
