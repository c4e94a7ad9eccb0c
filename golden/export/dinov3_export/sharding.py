"""Process groups, and tensors that may be sharded over them."""

import sys
from contextlib import contextmanager
from pathlib import Path

import torch
import torch.distributed as dist
from torch import nn

from . import devices

def start_group(device: str, rank: int = 0, world_size: int = 1, meeting: Path | None = None, backend: str | None = None) -> None:
    """The group of all ranks, which meet through a file. iBOT's centring reduces over a group even with one rank."""
    from dinov3.distributed import torch_distributed_wrapper as wrapper

    store = dist.HashStore() if world_size == 1 else dist.FileStore(str(meeting), world_size)
    dist.init_process_group(devices.backend(device, backend), store=store, rank=rank, world_size=world_size)
    wrapper._DEFAULT_PROCESS_GROUP = dist.group.WORLD


def start_students(students: list[dict]) -> None:
    """The group of each student's ranks."""
    from dinov3.distributed import torch_distributed_wrapper as wrapper

    if students:
        wrapper.new_subgroups([range(*student["ranks"]) for student in students])


def local(tensor: torch.Tensor) -> torch.Tensor:
    """This process's part of a parameter; with one rank, the whole parameter."""
    from torch.distributed.tensor import DTensor

    return tensor.to_local() if isinstance(tensor, DTensor) else tensor


def full(tensor: torch.Tensor) -> torch.Tensor:
    """The whole of a parameter, gathered from all ranks if it is sharded. Collective: every rank must call it."""
    return tensor.full_tensor() if hasattr(tensor, "full_tensor") else tensor


def put(target: torch.Tensor, value: torch.Tensor) -> None:
    """Writes a tensor that each rank knows as a whole into a parameter; into a sharded parameter, this rank's part."""
    from torch.distributed.tensor import DTensor, distribute_tensor

    with torch.no_grad():
        if isinstance(target, DTensor):
            value = distribute_tensor(value.to(target.device), target.device_mesh, target.placements).to_local()
        local(target).copy_(value)


@contextmanager
def sharding_on(device: str, cast_inputs: bool):
    """A context in which the reference's sharding code, which names "cuda", uses the recording's device.

    FSDP2 casts the inputs of a block to the type of the parameters. bf16 needs this cast. In float32 the cast would widen
    RoPE's bf16 tables, and the rotation would differ from the plain modules of every other float32 recording and of the
    truth, so `cast_inputs` is off there.

    The reference has FSDP2 divide by 1, for which FSDP2 takes PREMUL_SUM. Gloo has no such sum: it ignores the factor, and
    refuses the op since 2.15. By the factor 1 it is the plain sum, which FSDP2 is told to take on the host."""
    import dinov3.fsdp.ac_compile_parallelize  # noqa: F401

    module = sys.modules["dinov3.fsdp.ac_compile_parallelize"]
    mesh_class, init_mesh, to_empty = module.DeviceMesh, module.init_device_mesh, nn.Module.to_empty
    policy, fully_shard = module.MixedPrecisionPolicy, module.fully_shard

    class Mesh:
        @staticmethod
        def from_group(group, _device):
            return mesh_class.from_group(group, device)

    def empty_on_device(self, *, device, recurse=True):
        del device
        return to_empty(self, device=target, recurse=recurse)

    def plainly_summed(sharded, **options):
        made = fully_shard(sharded, **options)
        if device == "cpu" and hasattr(made, "set_force_sum_reduction_for_comms"):
            made.set_force_sum_reduction_for_comms(True)
        return made

    target, device = device, devices.kind(device)
    module.DeviceMesh = Mesh
    module.init_device_mesh = lambda _device, **options: init_mesh(device, **options)
    module.fully_shard = plainly_summed
    module.MixedPrecisionPolicy = lambda **options: policy(**options, cast_forward_inputs=cast_inputs)
    nn.Module.to_empty = empty_on_device
    try:
        yield
    finally:
        module.DeviceMesh, module.init_device_mesh, nn.Module.to_empty = mesh_class, init_mesh, to_empty
        module.MixedPrecisionPolicy, module.fully_shard = policy, fully_shard
