"""The state that training steps start from: weights, moments, random stream."""

from pathlib import Path

import torch

from . import FAILED, USAGE, ExportError
from .driver import Trainer
from .recorder import moments
from .sharding import full, put

RNG = "rng"


def tensors(trainer: Trainer, begun: bool = True) -> dict[str, torch.Tensor]:
    """All values that the next step depends on, F32 [...], and the host's random stream, U8 [5056]. If no step has begun
    yet, all moments are zeros."""
    found = {}
    for prefix, network in (("student", trainer.model.student), ("teacher", trainer.model.model_ema)):
        for name, parameter in network.named_parameters():
            found[f"param.{prefix}.{name}"] = full(parameter.detach()).contiguous()
    for name, parameter, mean, square in moments(trainer):
        if not begun:
            mean = square = torch.zeros_like(full(parameter.detach()))
        elif mean is None:
            raise ExportError(f"student.{name} was never updated", "a state needs a run that updates every parameter", FAILED)
        found[f"exp_avg.student.{name}"], found[f"exp_avg_sq.student.{name}"] = full(mean).clone(), full(square).clone()
    found[RNG] = torch.get_rng_state()
    return found


def load(path: Path) -> dict[str, torch.Tensor]:
    """Reads a state."""
    from safetensors.torch import load_file

    if not path.is_file():
        raise ExportError(f"{path.parent.name} has no {path.name}", "give a set that starts from a state", USAGE)
    return load_file(path)


def restore(trainer: Trainer, state: dict[str, torch.Tensor], updates: int, weights: bool = True) -> None:
    """Overwrites weights (unless told not to), moments, the count of updates and the random stream. Float64 models get
    the same numbers, widened."""
    model = trainer.model
    if weights:
        for prefix, network in (("student", model.student), ("teacher", model.model_ema)):
            for name, parameter in network.named_parameters():
                put(parameter, state[f"param.{prefix}.{name}"])
    fused = {id(p) for group in trainer.optimizer.param_groups if group.get("fused") for p in group["params"]}
    for name, parameter in model.student.named_parameters():
        slots = {}
        for kind in ("exp_avg", "exp_avg_sq"):
            slots[kind] = torch.zeros_like(parameter, memory_format=torch.preserve_format).requires_grad_(False)
            put(slots[kind], state[f"{kind}.student.{name}"])
        # The fused optimizer counts on the parameter's device, the other one on the host; both in float32.
        place = parameter.device if id(parameter) in fused else "cpu"
        trainer.optimizer.state[parameter] = {"step": torch.tensor(float(updates), device=place), **slots}
    torch.set_rng_state(state[RNG])
