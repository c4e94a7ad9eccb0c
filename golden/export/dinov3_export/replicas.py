"""Moves weights and crops by one ulp at random, so that another run of the reference rounds differently."""

from collections.abc import Iterator

import torch
from torch import nn

ULP = 2.0**-23
CROPS = ("global_crops", "local_crops", "intermediate")


def moved(values: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """values * (1 ± 2^-23), the sign drawn for each element; computed on the host in float32, returned where they were."""
    signs = torch.randint(0, 2, values.shape, generator=generator, dtype=torch.float32).mul_(2).sub_(1)
    return (values.cpu() * signs.mul_(ULP).add_(1)).to(values.device)


def replicas(model: nn.Module, fed: dict[str, torch.Tensor], seed: int, count: int) -> Iterator[dict[str, torch.Tensor]]:
    """Yields the inputs of one replica after the other, the model's weights being moved along: student, then teacher,
    then crops, in one stream of signs a replica. Buffers and masks stay. The last replica's weights stay in the model."""
    parameters = [
        parameter for part in (model.student, model.teacher) for parameter in part.parameters()
        if parameter.is_floating_point()
    ]
    pristine = [parameter.detach().clone() for parameter in parameters]
    for replica in range(count):
        generator = torch.Generator().manual_seed(seed + 1000 + replica)
        with torch.no_grad():
            for parameter, values in zip(parameters, pristine):
                parameter.copy_(moved(values, generator))
        yield {name: moved(values, generator) if name in CROPS else values for name, values in fed.items()}
