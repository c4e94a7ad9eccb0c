"""Records every set of a folder of golden sets again, as candidates: on another device, with another torch, or from a
patched checkout. Needs no torch."""

import importlib.metadata
import sys
from dataclasses import dataclass
from pathlib import Path

from . import FAILED, ExportError
from .jobs import run_sequence, run_worker
from .recipe import PRECISIONS, Recipe, nearest
from .recording import Recording, Settings
from .sources import SUFFIX, Sources, differences, find, read_manifest
from .writer import MANIFEST

CANDIDATE = tuple(precision for precision in PRECISIONS if precision != "truth")


def sets_of(folder: Path, names: list[str], profile: str) -> list[Path]:
    """The golden sets to record again: a set itself, or the sets in a folder that the profile replays, or that are named."""
    folder = folder.expanduser().resolve()
    if (folder / MANIFEST).is_file():
        found = {folder.name: folder}
    elif folder.is_dir():
        found = {path.parent.name: path.parent for path in sorted(folder.glob(f"*/{MANIFEST}"))}
    else:
        raise ExportError(f"--candidate-of {folder}: there is no such folder", "give golden/sets, or one set in it")
    if not found:
        raise ExportError(f"--candidate-of {folder}: it holds no golden set", "give golden/sets, or one set in it")
    for name in names:
        if name not in found:
            raise ExportError(f"--candidate-of {folder}: it holds no set `{name}`", nearest(name, found, "it holds"))
    if names:
        return [found[name] for name in dict.fromkeys(names)]
    return [path for path in found.values() if profile == "full" or read_manifest(path)["profile"] == "quick"]


def recipe_of(folder: Path, known: dict[str, Recipe]) -> Recipe:
    """The recipe of a golden set: from sets.toml where it is the same one, else out of the manifest."""
    manifest = read_manifest(folder)
    if (recipe := known.get(manifest["name"])) is not None and not differences(recipe, manifest["recipe"]):
        return recipe
    recorded, training = manifest["recipe"], manifest["recipe"].get("training")
    if training and training["teacher_config"] is not None:
        raise ExportError(f"{manifest['name']} distils from a teacher, and is not as sets.toml has it",
                          "the teacher's options are not in a manifest; record it from its own sets.toml")
    all_steps = {p for entry in manifest["entries"] if entry["stage"] == "trajectory" for p in entry["records"]}
    state = training is not None and training["state"]
    return Recipe(
        name=manifest["name"], description=manifest["description"], profile=manifest["profile"],
        config_file=recorded["config_file"], overrides=tuple(recorded["overrides"]), seed=recorded["seed"],
        batch_size=recorded["batch_size"], warm=recorded["warm"], stages=tuple(recorded["stages"]),
        precisions=tuple(manifest["precisions"]), sample_limit=manifest["sample_limit"] or 0,
        photographs=() if state else tuple(picture["file"] for picture in recorded["photographs"]),
        intermediate=recorded["intermediate"], world_size=recorded["world_size"],
        training={key: training[key] for key in ("iteration", "steps", "batches", "updates")} if training else None,
        state_of="that was recorded" if state else None,
        trajectory=tuple(p for p in CANDIDATE if p in all_steps), activations=bool(training and training.get("activations")),
        loss_battery=recorded.get("loss_battery"), data_battery=recorded.get("data_battery"),
    )


def precisions_of(recipe: Recipe, wanted: list[str] | None) -> list[str]:
    """What a candidate records of a set: its precisions but the truth, as far as they are asked for."""
    if "truth" in (wanted or ()):
        raise ExportError("a candidate has no truth: the golden set has it", f"any of {', '.join(CANDIDATE)}")
    return [p for p in CANDIDATE if p in recipe.precisions and p in (wanted or CANDIDATE)]


def sources_of(recipe: Recipe, folder: Path, given: list[Path]) -> Sources:
    """The golden set as source, and its weights where a folder given with `--inputs-from` has them."""
    paths = [path.expanduser() for path in given]
    if bare := next((path for path in paths if not path.is_dir()), None):
        raise ExportError(f"--inputs-from {bare}: with --candidate-of it takes a folder of files NAME{SUFFIX}",
                          "`golden weights NAME --out FILE` writes such a file")
    files = [path / f"{recipe.name}{SUFFIX}" for path in paths]
    return find(recipe, [folder, *(file for file in files if file.is_file())])


def torch_version() -> str:
    """The version of the installed torch, without its build."""
    return importlib.metadata.version("torch").partition("+")[0]


def drawn_anew(wanted: list[tuple[Recipe, list[str], Sources]], version: str) -> str | None:
    """What to say before minutes of recording, where sets start from the seed and another torch recorded them: its draws may
    differ, and nothing that follows can be judged then."""
    names, recorded = [], set()
    for recipe, precisions, sources in wanted:
        draws = not (recipe.has_state or recipe.loss_battery or recipe.data_battery)
        files = read_manifest(sources.folder)["precisions"] if draws and sources.weights is None else {}
        others = {files[p]["fingerprint"]["torch"].partition("+")[0] for p in precisions if p in files} - {version}
        if others:
            names.append(recipe.name)
            recorded |= others
    if not names:
        return None
    return (f"note: torch {version} may draw other initial weights than torch {', '.join(sorted(recorded))}, which recorded "
            f"{', '.join(names)}; `golden weights NAME --out DIR/NAME{SUFFIX}` writes those, and --inputs-from DIR brings them")


@dataclass
class _Open:
    """A recording of the sequence, the jobs that are still to come, and what went wrong."""

    recording: Recording
    left: int
    failure: ExportError | None = None


class Sequence:
    """Records sets one after the other; a set that fails does not keep the others from being recorded."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._open: dict[str, _Open] = {}
        self._codes: list[tuple[str, int]] = []

    def record(self, wanted: list[tuple[Recipe, list[str], Sources]]) -> int:
        """Records all, and returns the exit code. Sets of one rank share a process."""
        alone = [row for row in wanted if row[0].world_size == 1]
        try:
            run_sequence([job for row in alone for job in self._jobs(*row)], self._settings.pinned, self._ended)
            for row in wanted:
                if row[0].world_size > 1:
                    self._record_ranks(*row)
        finally:
            for held in self._open.values():
                held.recording.remove()
        if not self._codes:
            return 0
        names = ", ".join(name for name, _ in self._codes)
        print(f"error: {len(self._codes)} of {len(wanted)} sets were not recorded: {names}", file=sys.stderr)
        codes = {code for _, code in self._codes}
        return codes.pop() if len(codes) == 1 else FAILED

    def _jobs(self, recipe: Recipe, precisions: list[str], sources: Sources) -> list[dict]:
        try:
            recording = Recording(recipe, precisions, sources, self._settings)
            self._open[recipe.name] = _Open(recording, len(precisions))
            return recording.jobs()
        except ExportError as error:
            self._failed(recipe.name, error)
            return []

    def _record_ranks(self, recipe: Recipe, precisions: list[str], sources: Sources) -> None:
        for job in self._jobs(recipe, precisions, sources):
            failure = None
            try:
                run_worker(job, Path(job["work"]), self._settings.pinned, recipe.world_size)
            except ExportError as error:
                failure = error
            self._ended(job, failure)

    def _ended(self, job: dict, failure: ExportError | None) -> None:
        name = job["recipe"]["name"]
        held = self._open[name]
        held.left -= 1
        held.failure = held.failure or failure
        if held.left:
            return
        try:
            if held.failure is not None:
                raise held.failure
            held.recording.finish()
        except ExportError as error:
            self._failed(name, error)
        finally:
            held.recording.remove()
            self._open.pop(name, None)

    def _failed(self, name: str, error: ExportError) -> None:
        print(f"error: {name}: {error}", *([f"hint: {error.hint}"] if error.hint else []), sep="\n", file=sys.stderr, flush=True)
        self._codes.append((name, error.code))
        if (held := self._open.pop(name, None)) is not None:
            held.recording.remove()


def record(arguments, settings: Settings, known: dict[str, Recipe]) -> int:
    """The whole of `--candidate-of`."""
    wanted, without = [], []
    for folder in sets_of(arguments.candidate_of, arguments.words, arguments.profile):
        recipe = recipe_of(folder, known)
        if precisions := precisions_of(recipe, arguments.precision):
            wanted.append((recipe, precisions, sources_of(recipe, folder, arguments.inputs_from)))
        else:
            without.append(recipe.name)
    if without:
        print(f"not recorded at {', '.join(arguments.precision)}: {', '.join(without)}", flush=True)
    if not wanted:
        raise ExportError("no set is left to record", "give other sets or precisions")
    if said := drawn_anew(wanted, torch_version()):
        print(said, file=sys.stderr, flush=True)
    return Sequence(settings).record(wanted)
