"""Recipes: a set of `sets.toml`, or a set described on the command line."""

import difflib
import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from . import ExportError
from .stages import FORWARD_STAGES, SPREAD, check_stages

PRECISIONS = ("truth", "fp32", "bf16")
PROFILES = ("quick", "full")
NAME = re.compile(r"^[a-z][a-z0-9_]*$")


@dataclass(frozen=True)
class Recipe:
    """Everything that decides a set's values, apart from the machine. `sample_limit` 0 stores every tensor in full.
    `replicas` is the number of further runs of a precision for the spread. Each spread records it; the manifest's recipe
    does not.

    `training` describes the steps (`iteration`, `steps`, `batches`, and, if they start from a state, `updates`: the number of
    updates between the seed and the state). `state_of` names the trajectory that the state is of; its recording kept the
    state, and the batch that came next. `trajectory` lists the precisions that take all steps; the others take only the
    first. `activations` records the first step's activations and the gradients by them, except in the truth, and stores these
    and the gradients by parameters in full. `teacher_overrides` makes the config of a distillation's teacher, which the recipe's config calls `teacher.yaml`.

    `students` lists the students of a multi-distillation, each with its ranks (the first one, and the one after the last) and the overrides that
    it has beside the recipe's. The first one is recorded."""

    name: str
    description: str
    profile: str = "quick"
    config_file: str | None = None
    overrides: tuple[str, ...] = ()
    seed: int = 0
    batch_size: int = 2
    warm: float = 0.0
    stages: tuple[str, ...] = FORWARD_STAGES
    precisions: tuple[str, ...] = ("truth", "fp32")
    sample_limit: int = 4096
    photographs: tuple[str, ...] = field(default=())
    intermediate: dict | None = None
    replicas: int = 8
    world_size: int = 1
    training: dict | None = None
    state_of: str | None = None
    trajectory: tuple[str, ...] = ("fp32",)
    teacher_overrides: tuple[str, ...] = ()
    students: tuple[dict, ...] = ()
    activations: bool = False
    loss_battery: int | None = None
    data_battery: int | None = None

    def __post_init__(self) -> None:
        _require(bool(NAME.match(self.name)), f"`{self.name}` is no name for a set", "use a-z, 0-9 and _")
        _require(self.profile in PROFILES, f"unknown profile `{self.profile}`", f"one of {', '.join(PROFILES)}")
        check_stages(self.stages, self.training is not None, self.loss_battery is not None, self.data_battery is not None)
        for precision in self.precisions:
            _require(precision in PRECISIONS, f"unknown precision `{precision}`", f"any of {', '.join(PRECISIONS)}")
        _require(bool(self.precisions), f"{self.name}: no precision is asked for", "name one with --precision")
        _require(self.batch_size > 0, f"{self.name}: batch_size must be positive", "")
        _require(self.warm >= 0, f"{self.name}: warm must not be negative", "0 keeps the weights as initialised")
        _require(self.sample_limit >= 0, f"{self.name}: sample_limit must not be negative", "0 stores in full")
        _require(self.replicas >= 0, f"{self.name}: replicas must not be negative", "0 records no spread")
        for override in (*self.overrides, *self.teacher_overrides):
            _require("=" in override, f"{self.name}: `{override}` is no override", "write key=value")
        _require(self.world_size > 0, f"{self.name}: world_size must be positive", "1 is a run without other ranks")
        _require(self.world_size == 1 or self.training is not None, f"{self.name}: several ranks take training steps", "")
        _require(not self.activations or (self.training is not None and "backward" in self.stages),
                 f"{self.name}: activations belong to a training step with its stage backward",
                 "a forward pass records them as its stage forward")
        _require(not self.activations or self.world_size == 1,
                 f"{self.name}: activations of several ranks cannot be recorded", "record them with one rank")
        self._check_students()
        for battery in (self.loss_battery, self.data_battery):
            _require(battery in (None, 1), f"{self.name}: there is only version 1 of the battery", "")
        kinds = [self.training, self.loss_battery, self.data_battery]
        _require(sum(kind is not None for kind in kinds) < 2, f"{self.name}: a set is of one kind",
                 "give one of training, loss_battery and data_battery")
        _require(self.state_of is None or (self.training is not None and not self.photographs),
                 f"{self.name}: state_of is for training steps without photographs", "their batch comes with the state")
        if self.training is not None:
            self._check_training(self.training)
        if self.data_battery is not None:
            self._check_data()

    def _check_training(self, training: dict) -> None:
        least = {"iteration": 0, "steps": 1, "batches": 1, "updates": 0}
        for key, value in training.items():
            _require(key in least, f"{self.name}: training has no `{key}`", f"it has {', '.join(least)}")
            _require(isinstance(value, int) and value >= least[key],
                     f"{self.name}: training.{key} must be at least {least[key]}", "")
        for key in ("iteration", "steps", "batches"):
            _require(key in training, f"{self.name}: training.{key} is missing", "")
        _require(self.updates <= training["iteration"], f"{self.name}: training.updates is more than its iteration",
                 "the state is that of a run which took one step an iteration")
        _require("trajectory" in self.stages or training["steps"] == 1, f"{self.name}: only the stage trajectory "
                 "records more than one step", "add the stage, or take one step")
        for precision in self.trajectory:
            _require(precision in PRECISIONS[1:], f"{self.name}: no trajectory is recorded at `{precision}`",
                     f"any of {', '.join(PRECISIONS[1:])}")

    def _check_students(self) -> None:
        after = 0
        _require(not self.students or not self.students[0].get("overrides"),
                 f"{self.name}: the first student has overrides of its own", "it is the one that is recorded: give them to the recipe")
        for student in self.students:
            _require(set(student) == {"ranks", "overrides"}, f"{self.name}: a student has `ranks` and `overrides`", "")
            first, end = student["ranks"]
            _require(first == after and end > first, f"{self.name}: ranks {first} to {end} do not follow {after}",
                     "every rank has one student, in their order")
            after = end
        _require(not self.students or after == self.world_size,
                 f"{self.name}: the students have {after} ranks of {self.world_size}", "every rank has one student")

    def _check_data(self) -> None:
        _require(self.precisions == ("fp32",), f"{self.name}: the battery of data is recorded at fp32 alone",
                 'write precisions = ["fp32"]')
        missing = [file for file in ("chelsea.jpg", "coffee.jpg") if file not in self.photographs]
        _require(not missing, f"{self.name}: the battery of data needs {', '.join(missing)}", "add it to photographs")

    @property
    def updates(self) -> int:
        """The number of optimizer steps taken before the initial state; 0 if the first step starts from the seed."""
        return (self.training or {}).get("updates", 0)

    @property
    def has_state(self) -> bool:
        """Whether the first step starts from a recorded state."""
        return self.updates > 0 or self.state_of is not None

    def records_trajectory(self, precision: str) -> bool:
        """Whether a precision records all steps instead of only the first."""
        return "trajectory" in self.stages and precision in self.trajectory

    def replicas_of(self, precision: str, recorded: list[str]) -> int:
        """The number of replicas at a precision; `recorded` are the precisions of this recording. Float32 has replicas,
        and so has mixed precision if the recipe takes a step (the nearest neighbours of KoLeo tie in bfloat16). Both
        need the truth in the same recording."""
        moved = precision == "fp32" or (precision == "bf16" and self.training is not None)
        wanted = moved and "truth" in recorded and any(stage in SPREAD for stage in self.stages)
        return self.replicas if wanted else 0

    def ordered_precisions(self, subset: list[str] | None) -> list[str]:
        """The recipe's precisions in recording order, restricted to `subset` if given."""
        for precision in subset or []:
            _require(precision in self.precisions, f"{self.name} is not recorded at `{precision}`",
                     f"it has {', '.join(self.precisions)}")
        return [p for p in PRECISIONS if p in (subset or self.precisions)]

    def check_order(self, precisions: list[str], brought: bool) -> None:
        """Refuses a recording that would not know the backward order of its gradients. Sharded weights do not reveal it: the
        truth does, which is not sharded, and so does a recorded set (`brought`)."""
        if brought or self.training is None or "backward" not in self.stages:
            return
        _require(not (self.world_size > 1 and "truth" not in precisions) and precisions != ["bf16"],
                 f"{self.name} at {', '.join(precisions)} does not reveal the backward order of its gradients",
                 f"give --inputs-from golden/sets, or record {'truth' if self.world_size > 1 else 'truth or fp32'} along with it")


def nearest(word: str, known: Iterable[str], have: str) -> str:
    """What to say to a name that is none: the one that is meant, or all that there are."""
    near = difflib.get_close_matches(word, known, n=1)
    return f"did you mean `{near[0]}`?" if near else f"{have}: {', '.join(known)}"


def student_of(recipe: dict, rank: int) -> int:
    """Which of the students a rank trains; 0 without a list of them."""
    return next((i for i, it in enumerate(recipe["students"]) if it["ranks"][0] <= rank < it["ranks"][1]), 0)


def overrides_of(recipe: dict, student: int) -> list[str]:
    """The overrides of a student: the recipe's, and its own."""
    own = recipe["students"][student]["overrides"] if recipe["students"] else ()
    return [*recipe["overrides"], *own]


def _require(holds: bool, message: str, hint: str) -> None:
    if not holds:
        raise ExportError(message, hint)


def load_sets(path: Path) -> dict[str, Recipe]:
    """All sets of a TOML file, by name. `like` names an earlier set: its values are the defaults, and its overrides
    come first. An unknown key is an error, because it would silently not be recorded."""
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise ExportError(f"cannot read {path.name}: {error}") from error
    sets, known = {}, {}
    for name, values in document.get("sets", {}).items():
        values = {key: tuple(v) if isinstance(v, list) else v for key, v in values.items()}
        if (like := values.pop("like", None)) is not None:
            if like not in known:
                raise ExportError(f"{path.name}, set {name}: there is no set `{like}` before it")
            overrides = known[like].get("overrides", ()) + values.get("overrides", ())
            values = {**known[like], **values, "overrides": overrides}
        known[name] = values
        try:
            sets[name] = Recipe(name=name, **values)
        except TypeError as error:
            raise ExportError(f"{path.name}, set {name}: {error}") from error
    return sets
