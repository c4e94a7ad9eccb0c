"""Watches the reference's own modules from outside, in execution order, without changing their code."""

import json
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import nn

from .names import INPUT, OUTPUT, Names, ports, split
from .writer import MANIFEST

# Modules whose input is recorded too, because no other module outputs it.
INPUTS = ("norm1", "norm2", "attn.proj", "mlp.w3", "last_layer")


# Classes of the reference whose outputs are recorded. A patched checkout may lack some of them.
OUTPUTS = ("LayerScale", "PatchEmbed", "RMSNorm", "RopePositionEmbedding", "SelfAttentionBlock")


def _classes(*names: str) -> tuple[type, ...]:
    """The classes of these names that the reference has."""
    from dinov3 import layers
    from dinov3.models import vision_transformer

    places = (layers, vision_transformer)
    found = (getattr(place, name, None) for name in names for place in places)
    return tuple(dict.fromkeys(cls for cls in found if cls is not None))


def _output_types() -> tuple[type, ...]:
    return (nn.Linear, nn.LayerNorm, nn.GELU, nn.Conv2d, *_classes(*OUTPUTS, "DinoVisionTransformer"))


def recorded_paths(folder: Path) -> frozenset[str]:
    """The paths of the modules whose outputs a golden set has. A port may have put a class of its own at such a place."""
    entries = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))["entries"]
    names = (split(entry["name"]) for entry in entries if entry["stage"] == "forward")
    return frozenset(name.path for name in names if name.kind == OUTPUT and name.port != INPUT)


def taps_of(model: nn.Module, sink, job: dict) -> "Taps":
    """The hooks for a recording: a compiled model is watched from outside, and a candidate also where its golden set was."""
    if job["compiled"]:
        return CompiledTaps(model, sink)
    paths = recorded_paths(Path(job["inputs_from"])) if job["candidate"] and job["inputs_from"] else frozenset()
    return Taps(model, sink, paths)


class Taps:
    """Hooks on student, teacher and Gram teacher that pass `(name, tensor)` to `sink`. `paths` names modules to be watched
    beside those of the known classes."""

    def __init__(self, model: nn.Module, sink, paths: frozenset[str] = frozenset()) -> None:
        self._model = model
        self._sink = sink
        self._paths = paths
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
        for root in ("teacher", "student", *(("gram_teacher",) if self._model.has_gram_teacher else ())):
            self._attach(root, getattr(self._model, root))

    def _attach(self, root: str, network: nn.Module) -> None:
        recorded, blocks, backbones = _output_types(), _classes("SelfAttentionBlock"), _classes("DinoVisionTransformer")
        for path, module in self._watched(root, network):
            if isinstance(module, blocks):
                self._follow_block(path, module)
                if hasattr(module, "attn"):
                    self._wrap(module.attn, "apply_rope", f"{path}.attn.apply_rope", lambda result: result)
            if isinstance(module, backbones):
                self._wrap(module, "prepare_tokens_with_masks", f"{path}.prepare_tokens_with_masks", lambda r: r[0])
            if isinstance(module, recorded) or path in self._paths:
                self._undo.append(module.register_forward_hook(self._after(path)).remove)
            if path.endswith(tuple(f".{name}" for name in INPUTS)):
                self._undo.append(module.register_forward_pre_hook(self._before(path)).remove)

    def _watched(self, root: str, network: nn.Module):
        """Yields (path, module) of the modules that may be watched."""
        return network.named_modules(prefix=root)

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
        original = getattr(owner, method, None)
        if original is None:
            # A port computes it elsewhere, and it is not observed.
            return

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


class CompiledTaps(Taps):
    """Hooks on a compiled model. What is inside a compiled module is not observed, since a hook there would break the
    compiled graph; its output is."""

    def _watched(self, root: str, network: nn.Module):
        compiled: list[str] = []
        for path, module in network.named_modules(prefix=root):
            if any(path.startswith(f"{outer}.") for outer in compiled):
                continue
            if module._compiled_call_impl is None:
                yield path, module
            else:
                compiled.append(path)
                self._follow_call(path, module)

    def _follow_call(self, path: str, module: nn.Module) -> None:
        call, recorded = module._compiled_call_impl, isinstance(module, _output_types())

        def watched(*arguments, **options):
            result = call(*arguments, **options)
            if recorded:
                self.emit(path, result)
            return result

        module._compiled_call_impl = watched
        self._undo.append(lambda: setattr(module, "_compiled_call_impl", call))

    def random_draws(self, device: str):
        """Draws on the host on every device; the permutations of a compiled block are not recorded."""
        return host_draws(device)


def untraced(function):
    """The function as a compiler calls it: not a part of the graph, since it keeps count of its calls."""
    return function if torch._dynamo.config.disable else torch._dynamo.disable(function)


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

    torch.randperm = untraced(drawn_permutation)
    if device != "cpu":
        torch.Tensor.uniform_ = untraced(drawn_uniform)
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
