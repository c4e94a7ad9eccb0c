"""Assembles the recorded precisions in a set's folder. Needs no torch."""

import hashlib
import json
import os
import shutil
from pathlib import Path

from . import COMMIT, EXPORTER_VERSION, FAILED, REPOSITORY, SCHEMA_VERSION, ExportError
from .names import path_in
from .recipe import Recipe
from .stages import FORWARD

MANIFEST, INPUTS, STATE, SUMS = "manifest.json", "inputs.safetensors", "state.safetensors", "SHA256SUMS"
LAST = "trajectory"


def load_results(folder: Path, precisions: list[str]) -> dict[str, dict]:
    """The output of each recording process, in recording order."""
    return {p: json.loads((folder / f"{p}.json").read_text(encoding="utf-8")) for p in precisions}


def merge_entries(results: dict[str, dict]) -> list[dict]:
    """One list of entries with a record for each precision. The lists of the precisions must agree in names, stages and
    order. A precision may lack three kinds of entries: the entries that its recording process declares absent, the
    activations of a training step with the gradients by them, and the whole stage trajectory, which comes last."""
    absent = {p: set(result.get("absent", ())) for p, result in results.items()}
    for found in (_activations(result) for result in results.values() if result.get("activations")):
        for p in (p for p, result in results.items() if not result.get("activations")):
            absent[p] |= found
    steps = _merge({p: [e for e in r["entries"] if e["stage"] != LAST] for p, r in results.items()}, absent)
    last = {p: found for p, r in results.items() if (found := [e for e in r["entries"] if e["stage"] == LAST])}
    merged = steps + _merge(last, absent)
    if len({entry["name"] for entry in merged}) != len(merged):
        raise ExportError("two entries have the same name", "", FAILED)
    return merged


def _activations(result: dict) -> set[str]:
    """The names of a training step's activations, and of the gradients by them."""
    names = ((entry["name"], entry["stage"]) for entry in result["entries"])
    return {name for name, stage in names if stage == FORWARD or path_in("gradout", name) is not None}


def _merge(lists: dict[str, list[dict]], absent: dict[str, set[str]]) -> list[dict]:
    if not lists:
        return []
    # The precision with the most entries lacks none.
    first = max(lists, key=lambda precision: len(lists[precision]))
    merged = [{"name": entry["name"], "stage": entry["stage"], "records": {}} for entry in lists[first]]
    for precision, entries in lists.items():
        wanted = [row for row in merged if row["name"] not in absent[precision]]
        for index, (row, entry) in enumerate(zip(wanted, entries)):
            if (row["name"], row["stage"]) != (entry["name"], entry["stage"]):
                raise ExportError(f"entry {index} is {row['name']} at {first} but {entry['name']} at {precision}", "", FAILED)
            row["records"][precision] = entry["record"]
        if len(wanted) != len(entries):
            raise ExportError(f"{len(wanted)} entries at {first} but {len(entries)} at {precision}", "", FAILED)
    return merged


def manifest(recipe: Recipe, results: dict[str, dict], photographs: list[dict], about: dict | None = None) -> dict:
    """The manifest, with its keys in the order of the format. `about` is what only a candidate says: `checkout`, and when it
    was `recorded`."""
    about, first = about or {}, next(iter(results.values()))
    for name in ("config", "versions", "teacher_config"):
        if any(result.get(name) != first.get(name) for result in results.values()):
            raise ExportError(f"the precisions were recorded with other {name}", "record all of them together", FAILED)
    return {
        "schema_version": SCHEMA_VERSION,
        "name": recipe.name,
        "description": recipe.description,
        "profile": recipe.profile,
        "reference": {"repository": REPOSITORY, "commit": COMMIT},
        **({"checkout": about["checkout"]} if "checkout" in about else {}),
        "recorder": {"exporter": EXPORTER_VERSION, **first["versions"], **({"recorded": about["recorded"]} if "recorded" in about else {})},
        "recipe": {
            "config_file": recipe.config_file,
            "overrides": list(recipe.overrides),
            "seed": recipe.seed,
            "world_size": recipe.world_size,
            "batch_size": recipe.batch_size,
            "warm": recipe.warm,
            "stages": list(recipe.stages),
            "photographs": photographs,
            "intermediate": recipe.intermediate,
            **_training(recipe, first),
            "config": first["config"],
        },
        "sample_limit": recipe.sample_limit or None,
        "precisions": {
            p: {"file": f"{p}.safetensors", "fingerprint": r["fingerprint"]} for p, r in results.items()
        },
        "entries": merge_entries(results),
    }


def _training(recipe: Recipe, result: dict) -> dict:
    """The recipe's keys that only sets of training steps, or a battery, have."""
    if recipe.data_battery is not None:
        return {"data_battery": recipe.data_battery}
    if recipe.loss_battery is not None:
        return {"loss_battery": recipe.loss_battery}
    if recipe.training is None:
        return {}
    return {"training": {
        **{key: recipe.training[key] for key in ("iteration", "steps", "batches")},
        "state": recipe.has_state,
        "updates": recipe.updates,
        "teacher_config": result["teacher_config"],
        **({"activations": True} if recipe.activations else {}),
        **({"students": result["students"]} if recipe.students else {}),
    }}


def check_paths(value, machine_paths: list[str], where: str = "manifest") -> None:
    """Raises if a text in the manifest holds a path of this machine: a set must not depend on the place of its
    recording."""
    if isinstance(value, dict):
        for key, item in value.items():
            check_paths(item, machine_paths, f"{where}.{key}")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            check_paths(item, machine_paths, f"{where}[{index}]")
    elif isinstance(value, str):
        for path in machine_paths:
            # A path of one short component (`/`, `/home`) would match texts that are not paths of this machine.
            if len(path) > 5 and path in value:
                raise ExportError(f"a path of this machine got into {where}: {value}", "give relative paths")


def write_manifest(folder: Path, content: dict) -> None:
    """manifest.json: indent 1, LF, a newline at the end."""
    text = json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False)
    (folder / MANIFEST).write_bytes(text.encode("utf-8") + b"\n")


def write_sums(folder: Path) -> None:
    """SHA256SUMS over every other file of the folder, in the format of `sha256sum -c`."""
    lines = []
    for path in sorted(folder.iterdir(), key=lambda p: p.name):
        if path.name != SUMS:
            with path.open("rb") as handle:
                lines.append(f"{hashlib.file_digest(handle, 'sha256').hexdigest()}  {path.name}\n")
    (folder / SUMS).write_bytes("".join(lines).encode("ascii"))


def keep(target: Path, work: Path, precisions: list[str]) -> None:
    """Puts precisions of a recorded set into `work`, as their recording processes had left them there."""
    found = json.loads((target / MANIFEST).read_text(encoding="utf-8"))
    training = found["recipe"].get("training") or {}
    versions = {key: value for key, value in found["recorder"].items() if key not in ("exporter", "recorded")}
    for p in precisions:
        entries = [{"name": e["name"], "stage": e["stage"], "record": e["records"][p]} for e in found["entries"] if p in e["records"]]
        absent = [e["name"] for e in found["entries"] if p not in e["records"] and e["stage"] != LAST]
        result = {"fingerprint": found["precisions"][p]["fingerprint"], "versions": versions, "config": found["recipe"]["config"],
                  "teacher_config": training.get("teacher_config"), "entries": entries, "absent": absent,
                  "activations": bool(training.get("activations")) and p != "truth"}
        (work / f"{p}.json").write_text(json.dumps(result, allow_nan=False), encoding="utf-8")
        shutil.copyfile(target / found["precisions"][p]["file"], work / f"{p}.safetensors")
        if (target / INPUTS).is_file():
            shutil.copyfile(target / INPUTS, work / f"{p}.{INPUTS}")


def collect(work: Path, precisions: list[str], recipe: Recipe, photographs: list[dict], machine_paths: list[str],
            about: dict | None = None) -> Path:
    """Builds the finished set inside `work`; returns its folder. `about`: see `manifest`."""
    results = load_results(work, precisions)
    folder = work / "set"
    folder.mkdir()
    inputs = [work / f"{p}.inputs.safetensors" for p in precisions]
    if inputs[0].exists():
        if any(other.read_bytes() != inputs[0].read_bytes() for other in inputs[1:]):
            raise ExportError("the precisions have different inputs",
                              "the same seed gives the same ones on one machine; --inputs-from takes them from a set", FAILED)
        shutil.copyfile(inputs[0], folder / INPUTS)
    if recipe.has_state:
        shutil.copyfile(work / STATE, folder / STATE)
    for precision in precisions:
        # A copy, not a move: the library makes its files readable only by their owner.
        shutil.copyfile(work / f"{precision}.safetensors", folder / f"{precision}.safetensors")
    content = manifest(recipe, results, photographs, about)
    # A patch holds whatever its author wrote.
    check_paths({key: value for key, value in content.items() if key != "checkout"}, machine_paths)
    write_manifest(folder, content)
    write_sums(folder)
    return folder


def install(folder: Path, target: Path) -> None:
    """Moves a finished set into place; an interrupt on the way puts the old set back."""
    for path in folder.iterdir():
        with path.open("rb") as handle:
            os.fsync(handle.fileno())
    previous = folder.with_name("previous")
    try:
        if target.exists():
            os.rename(target, previous)
        os.rename(folder, target)
    except BaseException:
        if previous.exists() and not target.exists():
            os.rename(previous, target)
        raise
