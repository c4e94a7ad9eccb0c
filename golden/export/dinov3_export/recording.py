"""Records one set: its jobs, and what becomes of their results. Imports no torch; the recording processes do."""

import json
import shutil
import sys
import tempfile
from dataclasses import asdict, dataclass, field
from datetime import datetime, timezone
from pathlib import Path

from . import ExportError, photographs, writer
from .checkout import Checkout
from .jobs import run_worker
from .recipe import Recipe
from .sources import Sources, differences

EXPORT = Path(__file__).resolve().parent.parent
GOLDEN = EXPORT.parent
PHOTOGRAPHS = GOLDEN / "photographs"


@dataclass(frozen=True)
class Settings:
    """How and where all sets of a call are recorded. `candidate`: they are another code's or machine's, and no golden
    sets."""

    checkout: Checkout
    out: Path
    device: str = "cpu"
    imports: tuple[str, ...] = ()
    backend: str | None = None
    threads: int = 2
    pinned: bool = True
    tf32: bool = False
    compiled: bool = False
    candidate: bool = False
    yes: bool = False

    def noted(self) -> dict:
        """What the manifest's recorder says of the options."""
        return {"tf32": True} if self.tf32 else {}


def machine_paths(reference: Path, out: Path) -> list[str]:
    """The paths that no manifest may hold."""
    places = [reference, out, GOLDEN.parent, Path.cwd(), Path.home(), Path(sys.prefix), Path(tempfile.gettempdir())]
    return sorted({str(path.resolve()) for path in places} | {str(path) for path in places if path.is_absolute()})


@dataclass
class Recording:
    """A set that is being recorded in a hidden folder beside its final one."""

    recipe: Recipe
    precisions: list[str]
    sources: Sources
    settings: Settings
    work: Path = field(init=False)

    def __post_init__(self) -> None:
        recipe, out = self.recipe, self.settings.out
        self._pictures = [] if recipe.loss_battery else photographs.hashes(PHOTOGRAPHS, list(recipe.photographs), self.sources.folder)
        self._paths = machine_paths(self.settings.checkout.path, out)
        writer.check_paths(list(recipe.overrides), self._paths, "overrides")
        self.target = out / recipe.name
        if self.target.exists() and not self.target.is_dir():
            raise ExportError(f"{self.target} is a file, not a set", "move it away, or record elsewhere with --out")
        self._kept = self._find_kept()
        out.mkdir(parents=True, exist_ok=True)
        self.work = Path(tempfile.mkdtemp(prefix=f".{recipe.name}.", dir=out))

    def remove(self) -> None:
        """Takes the hidden folder away."""
        shutil.rmtree(self.work, ignore_errors=True)

    def _job(self) -> dict:
        recipe, sources, settings = self.recipe, self.sources, self.settings
        return {
            "task": f"recording {recipe.name}", "reference": str(settings.checkout.path), "recipe": asdict(recipe),
            "device": settings.device, "imports": list(settings.imports), "backend": settings.backend,
            "threads": settings.threads, "photographs": str(PHOTOGRAPHS), "mode": "record", "rank": 0,
            "inputs_from": str(sources.folder) if sources.folder else None,
            "weights": str(sources.weights) if sources.weights else None,
            "tf32": settings.tf32, "compiled": settings.compiled, "candidate": settings.candidate,
            "noted": sources.noted() | settings.noted(), "work": str(self.work),
        }

    def jobs(self) -> list[dict]:
        """A job for each precision, in recording order; the state is in place for them."""
        if self.recipe.has_state:
            self._bring_state()
        return [{**self._job(), "precision": precision, "replicas": self.recipe.replicas_of(precision, self.precisions),
                 "all_steps": self.recipe.records_trajectory(precision)} for precision in self.precisions]

    def _bring_state(self) -> None:
        """Puts the initial state into the folder: that of the source, or the state after a float32 run from the seed."""
        recipe, source = self.recipe, self.sources.folder
        if source is None:
            if recipe.state_of is not None:
                raise ExportError(f"{recipe.name} starts from a state of the trajectory {recipe.state_of}",
                                  "give --inputs-from DIR: a folder state.N that record_trajectory.py kept, or the recorded set")
            run_worker({**self._job(), "task": f"running {recipe.name} to its state", "mode": "state", "precision": "fp32",
                        "replicas": 0, "all_steps": False}, self.work, self.settings.pinned, recipe.world_size)
        elif (source / writer.STATE).is_file():
            shutil.copyfile(source / writer.STATE, self.work / writer.STATE)
        else:
            raise ExportError(f"--inputs-from {source}: it holds no {writer.STATE}, but {recipe.name} starts from a state",
                              f"give a recording of {recipe.name}")

    def _find_kept(self) -> list[str]:
        """The precisions of a set that is there already which are not recorded now. They stay, so they must be those of the
        same recipe and the same code."""
        if not (self.target / writer.MANIFEST).is_file():
            return []
        found = json.loads((self.target / writer.MANIFEST).read_text(encoding="utf-8"))
        kept = [p for p in self.recipe.precisions if p in found["precisions"] and p not in self.precisions]
        if not kept:
            return []
        odd = differences(self.recipe, found["recipe"])
        if found.get("checkout") != (self.settings.checkout.manifest() if self.settings.candidate else None):
            odd.append("another checkout of the reference")
        if odd:
            raise ExportError(f"the set {self.recipe.name} is there with {', '.join(kept)}, and recorded otherwise: {'; '.join(odd)}",
                              "record all its precisions again, or elsewhere with --out")
        return kept

    def finish(self) -> None:
        """Assembles the set and moves it into place; what is there already is replaced only if the user says so."""
        if self._kept:
            writer.keep(self.target, self.work, self._kept)
        precisions = [p for p in self.recipe.precisions if p in self.precisions or p in self._kept]
        about = {}
        if self.settings.candidate:
            now = datetime.now(timezone.utc).isoformat(timespec="seconds").replace("+00:00", "Z")
            about = {"checkout": self.settings.checkout.manifest(), "recorded": now}
        finished = writer.collect(self.work, precisions, self.recipe, self._pictures, self._paths, about)
        if self.target.exists() and not self._may_replace(finished):
            print(f"{self.recipe.name}: nothing was replaced", flush=True)
            return
        writer.install(finished, self.target)
        size = sum(path.stat().st_size for path in self.target.iterdir())
        said = f", {', '.join(self._kept)} as before" if self._kept else ""
        print(f"{self.recipe.name}: recorded {', '.join(self.precisions)}{said}, {size / 1e6:.1f} MB", flush=True)

    def _may_replace(self, finished: Path) -> bool:
        """Shows the difference between the new set and the recorded set, and asks."""
        from . import score  # It needs NumPy, whose absence is to be reported, not raised, at the start.

        if score.same_bytes(self.target, finished):
            print("every byte is as recorded before; ", end="")
            return False
        recorded = json.loads((self.target / writer.MANIFEST).read_text(encoding="utf-8"))["precisions"]
        if self._kept and not any(precision in recorded for precision in self.precisions):
            return True
        print(score.report(self.target, finished))
        if self.settings.yes:
            return True
        if not sys.stdin.isatty():
            raise ExportError(f"the set {self.target.name} exists and differs", "read the difference, then give --yes")
        return input(f"replace the recorded set {self.target.name}? [y/N] ").strip().lower() in ("y", "yes")


def record(recipe: Recipe, precisions: list[str], sources: Sources, settings: Settings) -> None:
    """Records one set, each precision in processes of its own."""
    recording = Recording(recipe, precisions, sources, settings)
    try:
        for job in recording.jobs():
            run_worker(job, recording.work, settings.pinned, recipe.world_size)
        recording.finish()
    finally:
        recording.remove()
