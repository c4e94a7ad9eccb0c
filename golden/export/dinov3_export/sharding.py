"""Process groups, and tensors that may be sharded over them."""

import sys
from contextlib import contextmanager
from pathlib import Path

import torch
import torch.distributed as dist
from torch import nn

BACKENDS = {"cpu": "gloo", "cuda": "cpu:gloo,cuda:nccl", "npu": "cpu:gloo,npu:hccl"}


def start_group(device: str, rank: int = 0, world_size: int = 1, meeting: Path | None = None) -> None:
    """The group of all ranks, which meet through a file: iBOT's centring reduces over a group whether or not there are
    other ranks."""
    from dinov3.distributed import torch_distributed_wrapper as wrapper

    store = dist.HashStore() if world_size == 1 else dist.FileStore(str(meeting), world_size)
    dist.init_process_group(BACKENDS[device], store=store, rank=rank, world_size=world_size)
    wrapper._DEFAULT_PROCESS_GROUP = dist.group.WORLD


def local(tensor: torch.Tensor) -> torch.Tensor:
    """This process's part of a parameter: with one rank, all of it."""
    from torch.distributed.tensor import DTensor

    return tensor.to_local() if isinstance(tensor, DTensor) else tensor


def full(tensor: torch.Tensor) -> torch.Tensor:
    """All of a parameter, gathered from every rank where it is sharded: every rank must ask."""
    return tensor.full_tensor() if hasattr(tensor, "full_tensor") else tensor


def put(target: torch.Tensor, value: torch.Tensor) -> None:
    """Writes all of a tensor, which each rank knows, into a parameter: where that is sharded, this rank's part."""
    from torch.distributed.tensor import DTensor, distribute_tensor

    with torch.no_grad():
        if isinstance(target, DTensor):
            value = distribute_tensor(value.to(target.device), target.device_mesh, target.placements).to_local()
        local(target).copy_(value)


@contextmanager
def sharding_on(device: str, cast_inputs: bool):
    """The reference names "cuda" where it shards; while this is open, the device asked for is meant instead.

    FSDP2 casts whatever enters a block to the type of the parameters. In bf16 nothing else would do. In float32 it would
    widen the tables of RoPE, which are bf16, and so compute another rotation than the plain modules of every other float32
    recording, and of the truth, do: there `cast_inputs` is off."""
    import dinov3.fsdp.ac_compile_parallelize  # noqa: F401

    module = sys.modules["dinov3.fsdp.ac_compile_parallelize"]
    mesh_class, init_mesh, to_empty = module.DeviceMesh, module.init_device_mesh, nn.Module.to_empty
    policy = module.MixedPrecisionPolicy

    class Mesh:
        @staticmethod
        def from_group(group, _device):
            return mesh_class.from_group(group, device)

    def empty_on_device(self, *, device, recurse=True):
        del device
        return to_empty(self, device=target, recurse=recurse)

    target = device
    module.DeviceMesh = Mesh
    module.init_device_mesh = lambda _device, **options: init_mesh(target, **options)
    module.MixedPrecisionPolicy = lambda **options: policy(**options, cast_forward_inputs=cast_inputs)
    nn.Module.to_empty = empty_on_device
    try:
        yield
    finally:
        module.DeviceMesh, module.init_device_mesh, nn.Module.to_empty = mesh_class, init_mesh, to_empty
        module.MixedPrecisionPolicy = policy
