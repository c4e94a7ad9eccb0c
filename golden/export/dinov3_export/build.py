"""Builds the reference's student and teacher, in the order in which its training program builds them."""

import sys
from contextlib import contextmanager

import torch
import torch.distributed as dist
from torch import nn

from . import FAILED, ExportError

BACKENDS = {"cpu": "gloo", "cuda": "cpu:gloo,cuda:nccl", "npu": "cpu:gloo,npu:hccl"}


def start_group(device: str) -> None:
    """A group of one process: iBOT's centring reduces over a group whether or not there are other ranks."""
    from dinov3.distributed import torch_distributed_wrapper as wrapper

    dist.init_process_group(BACKENDS[device], store=dist.HashStore(), rank=0, world_size=1)
    wrapper._DEFAULT_PROCESS_GROUP = dist.group.WORLD


def add_micro_architecture() -> None:
    """Adds `vit_micro`, one more entry beside the reference's seven, small enough to be stored in full."""
    from dinov3.models import vision_transformer as vits

    def vit_micro(patch_size: int = 16, **options) -> nn.Module:
        return vits.DinoVisionTransformer(
            patch_size=patch_size, embed_dim=64, depth=3, num_heads=2, ffn_ratio=4, **options
        )

    vits.vit_micro = vit_micro


def local(tensor: torch.Tensor) -> torch.Tensor:
    """This process's part of a parameter: with one rank, all of it."""
    from torch.distributed.tensor import DTensor

    return tensor.to_local() if isinstance(tensor, DTensor) else tensor


@contextmanager
def _sharding_on(device: str):
    """The reference names "cuda" where it shards; while this is open, the device asked for is meant instead."""
    import dinov3.fsdp.ac_compile_parallelize  # noqa: F401

    module = sys.modules["dinov3.fsdp.ac_compile_parallelize"]
    mesh_class, init_mesh, to_empty = module.DeviceMesh, module.init_device_mesh, nn.Module.to_empty

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
    nn.Module.to_empty = empty_on_device
    try:
        yield
    finally:
        module.DeviceMesh, module.init_device_mesh, nn.Module.to_empty = mesh_class, init_mesh, to_empty


def _allocate(cfg, shard: bool, device: str) -> nn.Module:
    """The model with memory, every floating number in it NaN, in training mode (the teacher in evaluation mode)."""
    from dinov3.train.ssl_meta_arch import SSLMetaArch

    with torch.device("meta"):
        model = SSLMetaArch(cfg)
    if shard:
        with _sharding_on(device):
            model.prepare_for_distributed_training()
    model.to_empty(device=device)
    with torch.no_grad():
        for tensor in [*model.parameters(), *model.buffers()]:
            if tensor.is_floating_point():
                local(tensor).fill_(float("nan"))
    model.train()
    return model


def _initialise(model: nn.Module, seed: int) -> None:
    torch.manual_seed(seed)
    model.init_weights()
    for name, tensor in model.student.state_dict().items():
        if not torch.isfinite(local(tensor)).all():
            raise ExportError(f"student.{name} was not initialised", "the reference's own init left NaN in it", FAILED)


def _warm(model: nn.Module, seed: int, warm: float) -> None:
    """Adds noise to every parameter, since fresh biases are zero and LayerScale is 1e-5, which hides faults behind them."""
    torch.manual_seed(seed + 1)
    with torch.no_grad():
        for parameter in model.student.parameters():
            local(parameter).add_(torch.randn(parameter.shape, dtype=torch.float32) * warm)
    model.teacher.load_state_dict(model.student.state_dict())


def _copy(source: nn.Module, target: nn.Module) -> None:
    values = source.state_dict()
    with torch.no_grad():
        for name, tensor in target.state_dict().items():
            local(tensor).copy_(values[name])


def build(cfg, precision: str, device: str, seed: int, warm: float, on_init, via_host: bool | None = None) -> nn.Module:
    """The model ready for its forward at a precision: `truth` in float64, `fp32` as it is, `bf16` under the
    reference's own FSDP2 mixed precision.

    Weights are drawn on the host whatever the device. `on_init` sees the model between initialisation and warming.
    `via_host` (by default: not on the CPU) has the sharded model take its weights from a plain one on the host.
    """
    shard = precision == "bf16"
    via_host = device != "cpu" if via_host is None else via_host
    host = _allocate(cfg, shard=shard and not via_host, device="cpu")
    _initialise(host, seed)
    on_init(host)
    if warm > 0:
        _warm(host, seed, warm)
    if shard and via_host:
        model = _allocate(cfg, shard=True, device=device)
        _copy(host, model)
        return model
    if precision == "truth":
        host._apply(lambda tensor: tensor.double() if tensor.dtype == torch.float32 else tensor)
    return host if device == "cpu" else host.to(device)
