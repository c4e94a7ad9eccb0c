"""What a recording starts from, brought from another machine: weights, buffers and draws, as the harness writes them
(`golden weights SET --out FILE`)."""

from contextlib import contextmanager
from pathlib import Path

import torch
from torch import nn

from . import USAGE, ExportError
from .hooks import untraced
from .sharding import put

# The attribute of the model, and the root of its tensors' names in the file.
ROOTS = {"student": "student", "model_ema": "teacher", "teacher": "distilled", "gram_teacher": "gram_teacher"}


class Brought:
    """The tensors of a file: `<root>.<key of the state dictionary>`, `init.student.<key>` for the weights before noise
    was added to them, and `uniform.<i>` and `randperm.<i>` for the draws of the first step."""

    def __init__(self, path: Path, student: int = 0) -> None:
        """`student`: which of several this process trains. The file has the first one, whose steps are recorded, and the frozen
        teacher, which all share; another student starts from what it draws."""
        from safetensors.torch import load_file

        self._tensors = load_file(path)
        self._roots = ROOTS if student == 0 else {"teacher": ROOTS["teacher"]}

    def fill(self, networks: dict[str, nn.Module], initial: bool = False) -> None:
        """Overwrites every parameter and buffer of the networks, by their attributes in the model. `initial`: with
        the weights before noise was added to them, if the file has these."""
        for attribute, network in networks.items():
            if attribute not in self._roots:
                continue
            root = f"{self._roots[attribute]}."
            before_noise = initial and any(name.startswith(f"init.{root}") for name in self._tensors)
            self._fill(network, f"init.{root}" if before_noise else root)

    def _fill(self, network: nn.Module, root: str) -> None:
        found = {name.removeprefix(root): tensor for name, tensor in self._tensors.items() if name.startswith(root)}
        state = network.state_dict()
        if odd := sorted(set(found) ^ set(state)):
            shown = ", ".join(root + name for name in odd[:3])
            raise ExportError(f"the brought weights are not those of this model: {shown} is in one of the two alone",
                              "write them from a set of this recipe", USAGE)
        for name, tensor in state.items():
            if tensor.shape != found[name].shape or tensor.dtype != found[name].dtype:
                raise ExportError(f"the brought {root}{name} is {found[name].dtype} {list(found[name].shape)}, and the model's is "
                                  f"{tensor.dtype} {list(tensor.shape)}", "write them from a set of this recipe", USAGE)
            put(tensor, found[name])

    def _drawn(self, kind: str) -> list[torch.Tensor]:
        numbers = sorted(int(name.removeprefix(f"{kind}.")) for name in self._tensors if name.startswith(f"{kind}."))
        return [self._tensors[f"{kind}.{number}"] for number in numbers]

    @contextmanager
    def draws(self):
        """A context in which the draws of a step are the brought ones, in their order. The stream moves on as without
        them. A kind of which the file has none is drawn."""
        randperm, uniform = torch.randperm, torch.Tensor.uniform_
        permutations, numbers = self._drawn("randperm"), self._drawn("uniform")
        used = {"randperm": 0, "uniform": 0}

        def instead(drawn: torch.Tensor, kind: str, brought: list[torch.Tensor]) -> torch.Tensor:
            index = used[kind]
            used[kind] += 1
            if index >= len(brought) or brought[index].shape != drawn.shape or brought[index].dtype != drawn.dtype:
                raise ExportError(f"draw {index} of {kind} is {drawn.dtype} {list(drawn.shape)}, which was not brought",
                                  "write the file again from a set of this recipe", USAGE)
            return drawn.copy_(brought[index])

        if permutations:
            torch.randperm = untraced(lambda *a, **k: instead(randperm(*a, **k), "randperm", permutations))
        if numbers:
            torch.Tensor.uniform_ = untraced(lambda tensor, *a, **k: instead(uniform(tensor, *a, **k), "uniform", numbers))
        try:
            yield
        finally:
            torch.randperm, torch.Tensor.uniform_ = randperm, uniform
        if (used["randperm"], used["uniform"]) != (len(permutations), len(numbers)):
            raise ExportError("the step drew less than was brought", "write the file again from a set of this recipe", USAGE)
