"""Records the values of a training step: losses, gradients, the optimizer's state, the teachers."""

from contextlib import contextmanager

import torch

from . import FAILED, ExportError
from .activations import Activations
from .driver import Observer, Trainer, nothing_watched, parameter_groups
from .names import named
from .sharding import full


def scalar(value) -> torch.Tensor:
    """A loss unchanged, or a Python float as F64 []."""
    return value if isinstance(value, torch.Tensor) else torch.tensor(float(value), dtype=torch.float64)


def moments(trainer: Trainer):
    """Yields (name, parameter, exp_avg, exp_avg_sq) of each student parameter in order; the moments are None if it was
    never updated."""
    for name, parameter in trainer.model.student.named_parameters():
        state = trainer.optimizer.state.get(parameter, {})
        yield name, parameter, state.get("exp_avg"), state.get("exp_avg_sq")


class Recorder(Observer):
    """Passes `(name, stage, tensor)` of a step to `sink`, in the format's order.

    `order` lists the parameters in backward order for a sharded model, where autograd does not reveal the order. If it is
    None, the recorder uses the order in which autograd accumulates the gradients. `activations` records the modules'
    outputs too; None leaves the modules alone."""

    def __init__(
        self, trainer: Trainer, stages, sink, order: list[str] | None, activations: Activations | None = None
    ) -> None:
        self._trainer, self._stages, self._sink = trainer, stages, sink
        self._order, self._activations = order, activations
        self._accumulated: list[str] = []

    def _emit(self, name: str, stage: str, tensor: torch.Tensor) -> None:
        if stage in self._stages:
            self._sink(name, stage, tensor)

    def tables(self) -> None:
        """Records the values that exist before any step: the parameter groups and the schedules."""
        groups = parameter_groups(self._trainer.model)
        for name, dtype in (("lr_multiplier", torch.float64), ("wd_multiplier", torch.float64), ("is_last_layer", torch.bool)):
            self._emit(named("groups", name), "optimizer", torch.tensor([group[name] for group in groups], dtype=dtype))
        for name, curve in self._trainer.schedules.tables():
            self._emit(named("schedule", name), "schedule", curve)

    @contextmanager
    def watching(self, model):
        """Shadows `compute_losses`, and observes gradients."""
        compute = model.compute_losses
        self._accumulated = []

        def watched(**arguments):
            total, losses = compute(**arguments)
            self._losses(arguments, losses, total)
            return total, losses

        model.compute_losses = watched
        listeners = [] if self._order is not None else [
            parameter.register_post_accumulate_grad_hook(lambda _, name=name: self._accumulated.append(name))
            for name, parameter in model.student.named_parameters()
        ]
        modules = nothing_watched() if self._activations is None else self._activations.watching()
        try:
            with modules:
                yield
        finally:
            del model.compute_losses
            for listener in listeners:
                listener.remove()

    def _losses(self, arguments: dict, losses: dict, total: torch.Tensor) -> None:
        self._emit(named("sinkhorn", "dino"), "loss", arguments["teacher_global"]["cls_centered"])
        self._emit(named("sinkhorn", "ibot"), "loss", arguments["teacher_global"]["masked_patch_centered"])
        for name, patches in (arguments["gram_global"] or {}).items():
            if name in ("student_patches", "teacher_patches"):
                self._emit(named("gram", name), "loss", patches)
        for name, value in losses.items():
            self._emit(named("loss", name), "loss", scalar(value))
        self._emit(named("loss", "total_loss"), "loss", total)

    def backward(self) -> None:
        """The gradients by activations, then those by parameters over the batches of all ranks, in backward order."""
        for name, gradient in self._activations.gradients() if self._activations is not None else ():
            self._emit(name, "backward", gradient)
        gradients = {n: p.grad for n, p in self._trainer.model.student.named_parameters() if p.grad is not None}
        order = self._accumulated if self._order is None else self._order
        if sorted(order) != sorted(gradients):
            odd = sorted(set(order) ^ set(gradients))
            raise ExportError(f"the gradients differ from the backward order, see {', '.join(odd[:3])}", "", FAILED)
        for name in order:
            self._emit(named("grad", f"student.{name}"), "backward", full(gradients[name]))

    def optimizer(self, norms: dict[str, torch.Tensor]) -> None:
        """Norms, then moments and weights after the step. A parameter that was never updated has no moments."""
        for name, norm in norms.items():
            self._emit(named("grad_norm", name), "optimizer", norm)
        for name, parameter, mean, square in moments(self._trainer):
            if mean is not None:
                self._emit(named("exp_avg", f"student.{name}"), "optimizer", full(mean))
                self._emit(named("exp_avg_sq", f"student.{name}"), "optimizer", full(square))
            self._emit(named("param", f"student.{name}"), "optimizer", full(parameter))

    def ema(self, gram: bool) -> None:
        """The teacher, and the Gram teacher if this step loaded or updated it."""
        model = self._trainer.model
        for name, parameter in model.model_ema.named_parameters():
            self._emit(named("param", f"teacher.{name}"), "ema", full(parameter))
        for name, parameter in model.gram_teacher.named_parameters() if gram else ():
            self._emit(named("param", f"gram_teacher.{name}"), "ema", full(parameter))


class Trajectory:
    """Collects the logged values of all steps."""

    def __init__(self) -> None:
        self._values: dict[str, list[torch.Tensor]] = {}

    def log(self, total_loss: torch.Tensor, metrics: dict) -> None:
        """Adds the logged values of one step. Every step must log the same names."""
        logged = {"total_loss": total_loss, **metrics}
        if self._values and list(self._values) != list(logged):
            raise ExportError("two steps log different names", "", FAILED)
        for name, value in logged.items():
            self._values.setdefault(name, []).append(torch.as_tensor(value, dtype=torch.float32).cpu())

    def tables(self):
        """Yields (name, F32 [steps])."""
        for name, values in self._values.items():
            yield name, torch.stack(values)


def final(trainer: Trainer):
    """Yields (name, tensor) of weights and moments after the last step."""
    for prefix, network in (("student", trainer.model.student), ("teacher", trainer.model.model_ema)):
        for name, parameter in network.named_parameters():
            yield named("final", f"{prefix}.{name}"), full(parameter)
    found = list(moments(trainer))
    for index, kind in ((2, "exp_avg"), (3, "exp_avg_sq")):
        for row in found:
            if row[index] is not None:
                yield named("final", f"{kind}.student.{row[0]}"), full(row[index])
