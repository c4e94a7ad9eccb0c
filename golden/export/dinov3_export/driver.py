"""Takes training steps with the reference's own objects, in the order in which its training program uses them."""

import copy
import math
import sys
from contextlib import contextmanager

import torch
import torch.distributed as dist

CURVES = ("lr", "weight_decay", "momentum", "teacher_temp", "last_layer_lr")


class Observer:
    """An observer of a step. This one ignores everything."""

    def watching(self, _model):
        """A context around the computation of losses and gradients."""
        return nothing_watched()

    def backward(self) -> None:
        """Called with the gradients, before they are clipped."""

    def optimizer(self, norms: dict[str, torch.Tensor]) -> None:
        """Called after the optimizer's step with the norms by which the gradients were clipped, by submodule."""

    def ema(self, gram: bool) -> None:
        """Called after the update of the teachers; `gram`: whether this step also updated the Gram teacher."""


@contextmanager
def nothing_watched():
    """An observer's `watching` without an effect."""
    yield


@contextmanager
def on_device(device: str):
    """A context in which `.cuda()` moves to the recording's device."""
    original = torch.Tensor.cuda
    if device != "cuda":
        torch.Tensor.cuda = lambda tensor, *_, **__: tensor.to(device)
    try:
        yield
    finally:
        torch.Tensor.cuda = original


def scaled(cfg):
    """A copy of the config with the learning rate scaled by the reference's rules for this many ranks."""
    from dinov3.configs import config

    return config.apply_scaling_rules_to_cfg(copy.deepcopy(cfg))


class Schedules:
    """The five curves, and the curves of loss weights if the model has them."""

    def __init__(self, cfg, model) -> None:
        from dinov3.train.train import build_schedulers

        self._curves = dict(zip(CURVES, build_schedulers(scaled(cfg))))
        self._length = cfg.optim.epochs * cfg.train.OFFICIAL_EPOCH_LENGTH
        self._weights = {
            "dino_local_loss_weight": getattr(model, "dino_local_loss_schedule", None),
            "gram_loss_weight": getattr(model, "gram_loss_schedule", None),
        }

    def at(self, iteration: int) -> list[float]:
        """The values of the five curves at an iteration."""
        return [self._curves[name][iteration] for name in CURVES]

    def tables(self):
        """Yields (name, F64 [iterations]) of every curve."""
        for name, curve in {**self._curves, **self._weights}.items():
            if curve is not None:
                yield name, torch.tensor([float(curve[i]) for i in range(self._length)], dtype=torch.float64)


class Trainer:
    """A model with its optimizer and schedules. `sum_gradients` sums the gradients over the ranks, for a model without
    FSDP."""

    def __init__(self, cfg, model, sum_gradients: bool = False) -> None:
        from dinov3.train.train import build_optimizer

        self.cfg, self.model = cfg, model
        self.optimizer = build_optimizer(cfg, model.get_params_groups())
        self.schedules = Schedules(cfg, model)
        self._sum_gradients = sum_gradients
        self._gram_updates: int | None = None

    def step(self, it: int, data: dict, observer: Observer) -> tuple[torch.Tensor, dict]:
        """The step of one iteration. Returns the logged values of the training program: the loss and the metrics,
        averaged over the ranks."""
        from dinov3 import distributed
        from dinov3.train.train import apply_optim_scheduler

        model = self.model
        loaded = self._load_gram_teacher(it)
        lr, weight_decay, momentum, teacher_temp, last_layer_lr = self.schedules.at(it)
        apply_optim_scheduler(self.optimizer, lr, weight_decay, last_layer_lr)
        self.optimizer.zero_grad(set_to_none=True)
        with observer.watching(model):
            total_loss, metrics = model.forward_backward(data, teacher_temp=teacher_temp, iteration=it)
        if self._sum_gradients:
            for parameter in model.student.parameters():
                if parameter.grad is not None:
                    dist.all_reduce(parameter.grad, group=distributed.get_process_subgroup())
        observer.backward()
        norms = self._clip()
        metrics.update({f"{name}_grad_norm": norm.item() for name, norm in norms.items()})
        logged = self._over_ranks(total_loss, metrics)
        self.optimizer.step()
        observer.optimizer(norms)
        model.update_ema(momentum)
        observer.ema(self._update_gram_teacher(it) or loaded)
        return logged

    def _clip(self) -> dict[str, torch.Tensor]:
        """Clips each submodule by itself; returns the norms before clipping."""
        norms = {}
        if self.cfg.optim.clip_grad:
            for name, module in self.model.student.items():
                norm = torch.nn.utils.clip_grad_norm_(module.parameters(), max_norm=self.cfg.optim.clip_grad)
                norms[name] = norm.full_tensor() if hasattr(norm, "full_tensor") else norm
        return norms

    @staticmethod
    def _over_ranks(total_loss: torch.Tensor, metrics: dict) -> tuple[torch.Tensor, dict]:
        """The mean over the ranks, computed as a sum and a division. Gloo has no mean, and cannot gather a tensor
        without dimensions."""
        from dinov3 import distributed

        size, group = distributed.get_subgroup_size(), distributed.get_process_subgroup()
        losses = total_loss.new_empty(size)
        dist.all_gather_into_tensor(losses, total_loss.detach().reshape(1), group=group)
        values = torch.stack([
            torch.as_tensor(value, dtype=torch.float32, device=total_loss.device).detach() for value in metrics.values()
        ])
        dist.all_reduce(values, group=group)
        return losses.mean(), dict(zip(metrics, values / size))

    def _load_gram_teacher(self, it: int) -> bool:
        if not (self.cfg.gram.use_loss and self.model.gram_it_load_ema_teacher == it):
            return False
        self.model.gram_load_ema_teacher()
        return self.model.has_gram_teacher

    def _update_gram_teacher(self, it: int) -> bool:
        gram, model = self.cfg.gram, self.model
        if self._gram_updates is None:
            behind = it > 0 and it >= gram.it_first_update and gram.use_loss and model.has_gram_teacher and gram.rep_update
            self._gram_updates = math.ceil((it + 1 - gram.it_first_update) / gram.update_frequency) if behind else 0
        if not (gram.use_loss and model.gram_rep_update and it + 1 >= model.gram_it_first_update):
            return False
        if (it + 1) % model.gram_update_frequency or (
            gram.max_updates is not None and self._gram_updates >= gram.max_updates
        ):
            return False
        model.update_gram()
        self._gram_updates += 1
        return model.has_gram_teacher


def parameter_groups(model) -> list[dict]:
    """One group per student parameter, before the groups are fused."""
    optim = model.cfg.optim
    fused, optim.multi_tensor_optim = optim.multi_tensor_optim, False
    try:
        return model.get_params_groups()
    finally:
        optim.multi_tensor_optim = fused


def meter(values: list[float], device: str) -> list[float]:
    """The figures of the reference's meter, fed with these values and then summed up over the ranks: median, mean of the
    window, global mean, maximum, last value, total."""
    import dinov3.logging.helpers  # noqa: F401

    helpers = sys.modules["dinov3.logging.helpers"]

    class OnDevice:
        """A wrapper of `torch` that makes tensors requested on "cuda" on the recording's device."""

        def __getattr__(self, name):
            return getattr(torch, name)

        @staticmethod
        def tensor(values, *, device=None, **options):
            return torch.tensor(values, device=device and place, **options)

    place, found = device, helpers.SmoothedValue()
    for value in values:
        found.update(value)
    helpers.torch = OnDevice()
    try:
        found.synchronize_between_processes()
    finally:
        helpers.torch = torch
    return [found.median, found.avg, found.global_avg, found.max, found.value, found.total]
