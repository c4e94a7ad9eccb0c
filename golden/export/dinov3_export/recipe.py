"""What is to be recorded: a set of `sets.toml`, or one described on the command line."""

import re
import tomllib
from dataclasses import dataclass, field
from pathlib import Path

from . import ExportError

PRECISIONS = ("truth", "fp32", "bf16")
STAGES = ("init", "data", "forward")
LATER_STAGES = ("loss", "backward", "optimizer", "ema", "schedule", "trajectory")
PROFILES = ("quick", "full")
NAME = re.compile(r"^[a-z][a-z0-9_]*$")


@dataclass(frozen=True)
class Recipe:
    """Everything that decides a set's values, apart from the machine. `sample_limit` 0 stores every tensor in full.
    `replicas` is how often float32 is run again for the spread; it stands in each spread, not in the manifest's recipe."""

    name: str
    description: str
    profile: str = "quick"
    config_file: str | None = None
    overrides: tuple[str, ...] = ()
    seed: int = 0
    batch_size: int = 2
    warm: float = 0.0
    stages: tuple[str, ...] = STAGES
    precisions: tuple[str, ...] = ("truth", "fp32")
    sample_limit: int = 4096
    photographs: tuple[str, ...] = field(default=())
    intermediate: dict | None = None
    replicas: int = 8

    def __post_init__(self) -> None:
        _require(bool(NAME.match(self.name)), f"`{self.name}` is no name for a set", "use a-z, 0-9 and _")
        _require(self.profile in PROFILES, f"unknown profile `{self.profile}`", f"one of {', '.join(PROFILES)}")
        check_stages(self.stages)
        for precision in self.precisions:
            _require(precision in PRECISIONS, f"unknown precision `{precision}`", f"any of {', '.join(PRECISIONS)}")
        _require(bool(self.precisions), f"{self.name}: no precision is asked for", "name one with --precision")
        _require(self.batch_size > 0, f"{self.name}: batch_size must be positive", "")
        _require(self.warm >= 0, f"{self.name}: warm must not be negative", "0 keeps the weights as initialised")
        _require(self.sample_limit >= 0, f"{self.name}: sample_limit must not be negative", "0 stores in full")
        _require(self.replicas >= 0, f"{self.name}: replicas must not be negative", "0 records no spread")
        for override in self.overrides:
            _require("=" in override, f"{self.name}: `{override}` is no override", "write key=value")

    def replicas_of(self, precision: str, recorded: list[str]) -> int:
        """How many replicas a precision is run for, where `recorded` are the precisions of this recording: only float32
        is, and only beside its truth."""
        wanted = precision == "fp32" and "truth" in recorded and "forward" in self.stages
        return self.replicas if wanted else 0

    def ordered_precisions(self, subset: list[str] | None) -> list[str]:
        """The recipe's precisions, or those of them that `subset` names, in recording order."""
        for precision in subset or []:
            _require(precision in self.precisions, f"{self.name} is not recorded at `{precision}`",
                     f"it has {', '.join(self.precisions)}")
        return [p for p in PRECISIONS if p in (subset or self.precisions)]


def _require(holds: bool, message: str, hint: str) -> None:
    if not holds:
        raise ExportError(message, hint)


def check_stages(stages: tuple[str, ...]) -> None:
    """Refuses, by name, stages that this version cannot record."""
    for stage in stages:
        if stage in LATER_STAGES:
            raise ExportError(f"stage `{stage}` cannot be recorded yet", f"this version records {', '.join(STAGES)}")
        _require(stage in STAGES, f"unknown stage `{stage}`", f"any of {', '.join(STAGES)}")
    _require(tuple(s for s in STAGES if s in stages) == tuple(stages), "stages are out of order or repeated",
             f"write them as {','.join(STAGES)}")
    _require(bool(stages), "no stage is asked for", f"any of {', '.join(STAGES)}")


def load_sets(path: Path) -> dict[str, Recipe]:
    """All sets of a TOML file, by name. An unknown key is an error: it would silently not be recorded."""
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise ExportError(f"cannot read {path.name}: {error}") from error
    sets = {}
    for name, values in document.get("sets", {}).items():
        values = {key: tuple(v) if isinstance(v, list) else v for key, v in values.items()}
        try:
            sets[name] = Recipe(name=name, **values)
        except TypeError as error:
            raise ExportError(f"{path.name}, set {name}: {error}") from error
    return sets
