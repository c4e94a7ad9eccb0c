"""The stages of a recording, and their valid combinations. Needs no torch."""

from . import ExportError
from .names import path_in

FORWARD_STAGES = ("init", "data", "forward")
TRAINING_STAGES = ("loss", "backward", "optimizer", "ema", "schedule", "trajectory")
BATTERY_STAGES = ("loss", "backward")
DATA_STAGES = ("data",)
STAGES = (*FORWARD_STAGES, *TRAINING_STAGES)
FORWARD, LOSS, BACKWARD = "forward", "loss", "backward"
# Stages with a spread: their float32 runs again.
SPREAD = ("forward", "loss", "backward", "optimizer", "ema")


def has_spread(stage: str, name: str) -> bool:
    """Whether an entry's float32 is run again: true for values that rounding changes, false for the table of parameter
    groups."""
    return stage in SPREAD and path_in("groups", name) is None


def sample_limit(stage: str, limit: int, activations: bool) -> int:
    """The limit for the stored elements of an entry. Activations, the teacher's assignments, gradients by activations and
    gradients by parameters of a set with activations are stored in full (limit 0): an operation is computed from all
    elements of its inputs."""
    return 0 if activations and stage in (FORWARD, LOSS, BACKWARD) else limit


def check_stages(stages: tuple[str, ...], training: bool = False, battery: bool = False, data: bool = False) -> None:
    """Refuses stages that this recipe cannot record: unknown stages, a wrong order, or stages of another kind of
    set."""
    for stage in stages:
        _require(stage in STAGES, f"unknown stage `{stage}`", f"any of {', '.join(STAGES)}")
    _require(tuple(s for s in STAGES if s in stages) == tuple(stages), "stages are out of order or repeated",
             f"write them as {','.join(s for s in STAGES if s in stages)}")
    _require(bool(stages), "no stage is asked for", f"any of {', '.join(STAGES)}")
    known = DATA_STAGES if data else BATTERY_STAGES if battery else TRAINING_STAGES if training else FORWARD_STAGES
    for stage in stages:
        if stage in known:
            continue
        if data:
            raise ExportError(f"the battery of data has no stage `{stage}`", f"it has {', '.join(known)}")
        if battery:
            raise ExportError(f"the battery of losses has no stage `{stage}`", f"it has {', '.join(known)}")
        if training:
            raise ExportError(f"a set of training steps has no stage `{stage}`",
                              f"it has {', '.join(known)}; record {', '.join(FORWARD_STAGES)} as a set of their own")
        raise ExportError(f"stage `{stage}` belongs to a training step, but the recipe takes none",
                          "give --steps N, or `training` in sets.toml")


def _require(holds: bool, message: str, hint: str) -> None:
    if not holds:
        raise ExportError(message, hint)
