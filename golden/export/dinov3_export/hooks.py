"""Watches the reference's own modules from outside, in execution order, without changing their code."""

from contextlib import contextmanager

import torch
from torch import nn

from .names import OUTPUT, Names, ports

# Modules whose input is recorded too, because no other module outputs it.
INPUTS = ("norm1", "norm2", "attn.proj", "mlp.w3", "last_layer")


def _output_types() -> tuple[type, ...]:
    from dinov3.layers import LayerScale, PatchEmbed, RMSNorm, RopePositionEmbedding, SelfAttentionBlock
    from dinov3.models.vision_transformer import DinoVisionTransformer

    return (nn.Linear, nn.LayerNorm, RMSNorm, nn.GELU, LayerScale, nn.Conv2d, PatchEmbed, RopePositionEmbedding,
            SelfAttentionBlock, DinoVisionTransformer)


class Taps:
    """Hooks on student, teacher and Gram teacher that pass `(name, tensor)` to `sink`."""

    def __init__(self, model: nn.Module, sink) -> None:
        self._model = model
        self._sink = sink
        self._names = Names()
        self._block: list[str] = []
        # What takes away a hook that is registered.
        self._undo: list = []

    def restart(self, sink) -> None:
        """Sends the records of another run of the model to another sink, and counts the calls from the first again."""
        self._sink = sink
        self._names = Names()

    def emit(self, path: str, value, port: str | None = None, kind: str = OUTPUT) -> None:
        """Records a value, or each tensor inside it, at a path."""
        for inner, tensor in ports(value):
            self._sink(self._names.next(path, inner if port is None else port, kind), tensor)

    def attach(self) -> None:
        """Registers every hook."""
        from dinov3.layers import SelfAttentionBlock
        from dinov3.models.vision_transformer import DinoVisionTransformer

        recorded = _output_types()
        for root in ("teacher", "student", *(("gram_teacher",) if self._model.has_gram_teacher else ())):
            for path, module in getattr(self._model, root).named_modules(prefix=root):
                if isinstance(module, SelfAttentionBlock):
                    self._follow_block(path, module)
                    self._wrap(module.attn, "apply_rope", f"{path}.attn.apply_rope", lambda result: result)
                if isinstance(module, DinoVisionTransformer):
                    self._wrap(module, "prepare_tokens_with_masks", f"{path}.prepare_tokens_with_masks", lambda r: r[0])
                if isinstance(module, recorded):
                    self._undo.append(module.register_forward_hook(self._after(path)).remove)
                if path.endswith(tuple(f".{name}" for name in INPUTS)):
                    self._undo.append(module.register_forward_pre_hook(self._before(path)).remove)

    def detach(self) -> None:
        """Removes every hook."""
        while self._undo:
            self._undo.pop()()

    def _after(self, path: str):
        def hook(_module, _inputs, output) -> None:
            self.emit(path, output)

        return hook

    def _before(self, path: str):
        def hook(_module, inputs) -> None:
            self.emit(path, inputs[0], port="in")

        return hook

    def _follow_block(self, path: str, block: nn.Module) -> None:
        """Remembers the running block, so that a random draw can be named after it."""

        def entered(_module, _inputs) -> None:
            self._block.append(path)

        def left(_module, _inputs, _output) -> None:
            self._block.pop()

        self._undo += [block.register_forward_pre_hook(entered).remove, block.register_forward_hook(left).remove]

    def _wrap(self, owner: nn.Module, method: str, path: str, select) -> None:
        """Shadows a method with an instance attribute that calls the method and records its result."""
        original = getattr(owner, method)

        def watched(*arguments, **options):
            result = original(*arguments, **options)
            self.emit(path, select(result))
            return result

        setattr(owner, method, watched)
        self._undo.append(lambda: delattr(owner, method))

    def random_draws(self, device: str):
        """Records `torch.randperm`, and draws on the host on every device."""

        def drawn(permutation: torch.Tensor) -> None:
            if self._block:
                self.emit(f"{self._block[-1]}.randperm", permutation, kind="rng")

        return host_draws(device, drawn)


@contextmanager
def host_draws(device: str, drawn=lambda permutation: None):
    """Draws on the host on every device, so that every device uses the same stream; `drawn` receives each
    permutation."""
    randperm, uniform = torch.randperm, torch.Tensor.uniform_

    def drawn_permutation(n, *arguments, device=None, **options):
        permutation = randperm(n, *arguments, **options)
        drawn(permutation)
        return permutation if device is None else permutation.to(device)

    def drawn_uniform(tensor, *arguments, **options):
        if tensor.device.type == "cpu":
            return uniform(tensor, *arguments, **options)
        host = torch.empty(tensor.shape, dtype=tensor.dtype)
        return tensor.copy_(uniform(host, *arguments, **options))

    torch.randperm = drawn_permutation
    if device != "cpu":
        torch.Tensor.uniform_ = drawn_uniform
    try:
        yield
    finally:
        torch.randperm, torch.Tensor.uniform_ = randperm, uniform


@contextmanager
def widened_casts(active: bool):
    """A context for the truth: a cast that the reference writes as `.float()` goes to float64."""
    original = torch.Tensor.float
    if active:
        torch.Tensor.float = lambda tensor, *_, **__: tensor.double()
    try:
        yield
    finally:
        torch.Tensor.float = original
