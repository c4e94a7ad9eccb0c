"""Moves weights and crops by one rounding at random, so that another run of the reference rounds differently."""

from collections.abc import Iterable, Iterator

import torch
from torch import nn

from .sharding import full, put

# An ulp of float32, and the largest error of one rounding to bfloat16 (the cast would remove an ulp of float32).
STEP = {"fp32": 2.0**-23, "bf16": 2.0**-8}
CROPS = ("global_crops", "local_crops", "gram_teacher_crops", "intermediate")


def moved(values: torch.Tensor, generator: torch.Generator, precision: str = "fp32") -> torch.Tensor:
    """values * (1 ± step) with a random sign for each element; computed on the host in float32, returned on the
    original device in the original type."""
    signs = torch.randint(0, 2, values.shape, generator=generator, dtype=torch.float32).mul_(2).sub_(1)
    return (values.cpu() * signs.mul_(STEP[precision]).add_(1)).to(values)


class Replicas:
    """Replicas of networks in their present state. The order of the networks, and of their parameters, is the order of
    the signs."""

    def __init__(self, networks: Iterable[nn.Module], seed: int, count: int, precision: str = "fp32") -> None:
        self._seed, self.count, self._precision = seed, count, precision
        self._parameters = [
            parameter for network in networks for parameter in network.parameters() if parameter.is_floating_point()
        ]
        self._pristine = [full(parameter.detach()).clone() for parameter in self._parameters]

    def runs(self, fed: dict[str, torch.Tensor]) -> Iterator[dict[str, torch.Tensor]]:
        """Yields the inputs of one replica after the other, after moving the weights and then the crops, with one
        stream of signs per replica. Buffers and masks stay unchanged. The networks keep the weights of the last
        replica."""
        for replica in range(self.count):
            generator = torch.Generator().manual_seed(self._seed + 1000 + replica)
            for parameter, values in zip(self._parameters, self._pristine):
                put(parameter, moved(values, generator, self._precision))
            yield {name: moved(values, generator, self._precision) if name in CROPS else values for name, values in fed.items()}
