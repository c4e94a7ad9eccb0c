"""Where a recording takes from what it does not make itself: crops, masks and state from a recorded set, weights from a file
of `golden weights`. Needs no torch."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from . import ExportError
from .recipe import Recipe
from .writer import MANIFEST

SUFFIX = ".weights.safetensors"
WRITES = "`golden weights SET --out FILE` writes one"
# What the manifest's recipe and a recipe here must have in common.
SAME = ("config_file", "overrides", "seed", "world_size", "batch_size", "warm", "intermediate")
STEPS = ("iteration", "steps", "batches", "updates")


@dataclass(frozen=True)
class Sources:
    """The folder of a recorded set, and a file of weights."""

    folder: Path | None = None
    weights: Path | None = None

    def noted(self) -> dict[str, str]:
        """What the manifest's recorder says of the weights."""
        return {"weights": hashlib.sha256(self.weights.read_bytes()).hexdigest()} if self.weights else {}


def find(recipe: Recipe, given: list[Path]) -> Sources:
    """The sources of one recipe among `--inputs-from`: sets and files as they are named, and out of a folder of either
    those with the recipe's name."""
    folders, files = [], []
    for path in (path.expanduser().resolve() for path in given):
        if (path / MANIFEST).is_file():
            folders.append(path)
        elif path.is_dir():
            inside = path / recipe.name, path / f"{recipe.name}{SUFFIX}"
            found = [(inside[0] / MANIFEST).is_file(), inside[1].is_file()]
            folders += [inside[0]] * found[0]
            files += [inside[1]] * found[1]
            if not any(found):
                raise ExportError(f"--inputs-from {path}: it is no set, and holds neither a set {recipe.name} nor a file "
                                  f"{recipe.name}{SUFFIX}", "give golden/sets, golden/sets/NAME, or a folder of weights")
        elif path.is_file():
            files.append(path)
        else:
            raise ExportError(f"--inputs-from {path}: there is no such set or file", WRITES)
    if len(folders) > 1 or len(files) > 1:
        raise ExportError("--inputs-from takes one set and one file of weights", "record one set at a time, or give folders")
    sources = Sources(folders[0] if folders else None, files[0] if files else None)
    if sources.weights is not None:
        _check_weights(recipe, sources)
    if sources.folder is not None:
        check_same_recipe(recipe, sources.folder)
    return sources


def _check_weights(recipe: Recipe, sources: Sources) -> None:
    from .tensorfile import TensorFile  # It needs NumPy, whose absence is to be reported, not raised, at the start.

    if sources.folder is None:
        raise ExportError("--inputs-from names a file of weights and no set", "give it a second time, with the golden set's folder")
    if recipe.loss_battery or recipe.data_battery:
        raise ExportError(f"{recipe.name} starts from no weights", "leave the file out")
    if (owner := TensorFile(sources.weights).metadata().get("set")) != recipe.name:
        raise ExportError(f"{sources.weights.name} holds what {owner or 'no set that it names'} starts from, not {recipe.name}",
                          f"`golden weights {recipe.name} --out FILE` writes the right one")


def read_manifest(folder: Path) -> dict:
    """The manifest of a recorded set."""
    try:
        found = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        found["recipe"]["photographs"]
        return found
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ExportError(f"--inputs-from {folder}: this is not a golden set ({error})",
                          "give a folder such as golden/sets/micro") from error


def differences(recipe: Recipe, recorded: dict) -> list[str]:
    """What a manifest's recipe has otherwise than this recipe, in words."""
    # A state that a trajectory kept has its batch and its photographs, and is named by the recipe that wants it.
    if "overrides" not in recorded:
        return [] if recipe.state_of is not None else ["it is a state that a trajectory kept"]
    here = {key: list(value) if isinstance(value := getattr(recipe, key), tuple) else value for key in SAME}
    there = {key: recorded.get(key) for key in SAME}
    if here["overrides"] != there["overrides"]:
        mine, its = dict.fromkeys(here.pop("overrides")), dict.fromkeys(there.pop("overrides") or ())
        odd = [f"{word} {where}" for words, others, where in ((its, mine, "there"), (mine, its, "here"))
               for word in words if word not in others]
        said = [", ".join(odd[:4]) if odd else "the overrides are in another order"]
    else:
        said = []
    here["training"], there["training"] = _steps(recipe.training), _steps(recorded.get("training"))
    here |= {"loss_battery": recipe.loss_battery, "data_battery": recipe.data_battery}
    there |= {"loss_battery": recorded.get("loss_battery"), "data_battery": recorded.get("data_battery")}
    here["students"] = [list(student["ranks"]) for student in recipe.students]
    there["students"] = [student["ranks"] for student in (recorded.get("training") or {}).get("students", ())]
    return said + [f"{key}: {json.dumps(there[key])} there, {json.dumps(here[key])} here" for key in here if here[key] != there.get(key)]


def _steps(training: dict | None) -> dict | None:
    return None if training is None else {key: training.get(key, 0) for key in STEPS}


def check_same_recipe(recipe: Recipe, folder: Path) -> None:
    """Refuses the inputs of another recipe, which fit by chance or not at all."""
    if found := differences(recipe, read_manifest(folder)["recipe"]):
        raise ExportError(f"--inputs-from {folder}: it is not a recording of {recipe.name}: {'; '.join(found)}",
                          f"give a recording of {recipe.name}, or a folder that holds one under this name")
