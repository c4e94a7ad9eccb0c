"""The places in somebody's modules where a golden set has a tensor: by their paths, whatever their classes."""

from contextlib import contextmanager

import torch
from torch import nn

from .hooks import host_draws
from .names import INPUT, OUTPUT, Names, named, ports, split
from .stages import FORWARD

# What wrappers put into the paths of the modules within them.
WRAPPERS = ("_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module", "module")


def plain(path: str) -> str:
    """A path without the parts that wrappers add."""
    return ".".join(part for part in path.split(".") if part not in WRAPPERS)


def is_compiled(module: nn.Module) -> bool:
    """Whether `module.compile()` or `torch.compile(module)` made it."""
    return module._compiled_call_impl is not None or hasattr(module, "_orig_mod")


def _modules(root: str, network: nn.Module) -> tuple[dict[str, nn.Module], dict[str, nn.Module]]:
    """The modules outside compiled ones by their plain paths, a wrapper in the place of what it wraps, and the compiled
    ones."""
    found, compiled = {}, {}
    for path, module in network.named_modules():
        place = f"{root}.{plain(path)}" if path else root
        if place in compiled or _within(place, compiled):
            continue
        (compiled if is_compiled(module) else found).setdefault(place, module)
    return found, compiled


def _within(path: str, compiled) -> bool:
    return any(path.startswith(f"{outer}.") for outer in compiled)


class Places:
    """Where the golden set watched the networks, as paths of modules and of methods."""

    def __init__(self, networks: dict[str, nn.Module], manifest: dict, precision: str) -> None:
        names = [split(e["name"]) for e in manifest["entries"] if e["stage"] == FORWARD and precision in e["records"]]
        self._outputs = {name.path for name in names if name.kind == OUTPUT and name.port != INPUT}
        self._inputs = {name.path for name in names if name.port == INPUT}
        self._draws = any(name.kind == "rng" for name in names)
        self._networks = networks
        self._kept: list[tuple[str, torch.Tensor]] = []
        self._names, self._blocks, self._undo = Names(), [], []

    @contextmanager
    def watching(self, sink, device: str):
        """A context in which every place is watched; `sink(name, stage, tensor)` receives what passes there."""
        self._sink = sink
        for root, network in self._networks.items():
            modules, compiled = _modules(root, network)
            for path in self._outputs | self._inputs:
                if path in compiled:
                    self._follow_call(path, compiled[path])
                elif not _within(path, compiled):
                    self._attach(path, modules)
            self._follow_blocks(modules)
        try:
            with host_draws(device, self._drawn):
                yield
        finally:
            while self._undo:
                self._undo.pop()()

    def _attach(self, path: str, modules: dict[str, nn.Module]) -> None:
        owner, _, method = path.rpartition(".")
        if (module := modules.get(path)) is not None:
            if path in self._outputs:
                self._undo.append(module.register_forward_hook(lambda _m, _i, output: self._seen(path, output)).remove)
            if path in self._inputs:
                self._undo.append(module.register_forward_pre_hook(lambda _m, given: self._emit(path, given[:1] and given[0], INPUT)).remove)
        elif callable(original := getattr(modules.get(owner), method, None)):
            first = method == "prepare_tokens_with_masks"

            def watched(*given, **options):
                result = original(*given, **options)
                self._seen(path, result[0] if first else result)
                return result

            setattr(modules[owner], method, watched)
            self._undo.append(lambda: delattr(modules[owner], method))

    def _follow_call(self, path: str, module: nn.Module) -> None:
        """Watches a compiled module from outside: a hook within it would break its graph."""
        if path not in self._outputs:
            return
        if module._compiled_call_impl is None:
            # The wrapper of `torch.compile`, whose own hooks run outside.
            self._undo.append(module.register_forward_hook(lambda _m, _i, output: self._seen(path, output)).remove)
            return
        call = module._compiled_call_impl

        def watched(*given, **options):
            result = call(*given, **options)
            self._seen(path, result)
            return result

        module._compiled_call_impl = watched
        self._undo.append(lambda: setattr(module, "_compiled_call_impl", call))

    def _follow_blocks(self, modules: dict[str, nn.Module]) -> None:
        for path, module in modules.items() if self._draws else ():
            if path.rpartition(".")[0].endswith(".blocks"):
                self._undo += [module.register_forward_pre_hook(lambda *_, path=path: self._blocks.append(path)).remove,
                               module.register_forward_hook(lambda *_: self._left()).remove]

    def _left(self) -> None:
        self._blocks.pop()

    def _drawn(self, permutation: torch.Tensor) -> None:
        if self._draws and self._blocks:
            self._sink(self._names.next(f"{self._blocks[-1]}.randperm", None, "rng"), FORWARD, permutation)

    def _seen(self, path: str, value) -> None:
        self._emit(path, value)

    def _emit(self, path: str, value, port: str | None = None) -> None:
        for inner, tensor in ports(value):
            name = self._names.next(path, inner if port is None else port)
            self._sink(name, FORWARD, tensor)
            if port != INPUT and tensor.requires_grad:
                tensor.retain_grad()
                self._kept.append((name, tensor))

    def gradients(self):
        """Yields (name, tensor) of the gradients by the outputs, the last output first, and releases the outputs."""
        kept, self._kept = self._kept, []
        for name, tensor in reversed(kept):
            if tensor.grad is not None:
                parts = split(name)
                yield named("gradout", parts.path, parts.call, parts.port), tensor.grad
