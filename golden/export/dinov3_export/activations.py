"""Records the activations of a training step, and the gradients of the loss by them."""

from contextlib import contextmanager

import torch

from .hooks import Taps
from .names import INPUT, OUTPUT, named, split
from .stages import FORWARD


class Activations:
    """Passes `(name, stage, tensor)` of every activation of one step to `sink`, and keeps the outputs that receive a
    gradient until the backward pass is over. `taps` watches the model's modules."""

    def __init__(self, model, device: str, sink, taps: type[Taps] = Taps) -> None:
        self._sink, self._device = sink, device
        self._taps = taps(model, self._seen)
        self._outputs: list[tuple[str, torch.Tensor]] = []

    @contextmanager
    def watching(self):
        """A context around the forward and the backward pass. The hooks are removed at its end, since the next steps
        are not recorded."""
        self._taps.attach()
        try:
            with self._taps.random_draws(self._device):
                yield
        finally:
            self._taps.detach()

    def _seen(self, name: str, tensor: torch.Tensor) -> None:
        self._sink(name, FORWARD, tensor)
        parts = split(name)
        if parts.kind == OUTPUT and parts.port != INPUT and tensor.requires_grad:
            # The tensor keeps a copy of its gradient; nothing else in the graph changes.
            tensor.retain_grad()
            self._outputs.append((name, tensor))

    def gradients(self):
        """Yields (name, tensor) of the gradients by the outputs, the last output first, and releases the outputs. An
        output that the loss does not depend on has no gradient."""
        outputs, self._outputs = self._outputs, []
        for name, tensor in reversed(outputs):
            if tensor.grad is not None:
                parts = split(name)
                yield named("gradout", parts.path, parts.call, parts.port), tensor.grad
