"""The reference's own training program on a CPU: "cuda" means the CPU. Call `install` before anything is built."""

import sys
from types import SimpleNamespace

import torch
import torch.distributed as dist
from torch import nn

# Factories whose `device` argument the program names.
FACTORIES = ("full_like", "tensor", "zeros", "ones", "empty")


def _on_host(device):
    return torch.device("cpu") if device is not None and str(device).startswith("cuda") else device


def _factory(original):
    def made(*arguments, **options):
        if "device" in options:
            options["device"] = _on_host(options["device"])
        return original(*arguments, **options)

    return made


def _devices() -> None:
    import torch.utils._device as modes

    # The modes of `with torch.device(...)` look for the factories themselves, and keep what they found: a replaced
    # factory that they do not know would draw on the host under the mode of "meta", and displace the random stream.
    modes._device_constructors()
    for name in FACTORIES:
        setattr(torch, name, _factory(getattr(torch, name)))
    to_empty = nn.Module.to_empty
    nn.Module.to_empty = lambda self, *, device, recurse=True: to_empty(self, device=_on_host(device), recurse=recurse)
    torch.Tensor.cuda = lambda self, *_, **__: self
    torch.cuda.set_device = lambda *_: None
    torch.cuda.synchronize = lambda *_: None


def _collectives() -> None:
    """Gloo has no mean, and gathers no tensor without dimensions."""
    start, gather, reduce = dist.init_process_group, dist.all_gather_into_tensor, dist.all_reduce

    def all_reduce(tensor, op=dist.ReduceOp.SUM, group=None, **options):
        if op != dist.ReduceOp.AVG:
            return reduce(tensor, op=op, group=group, **options)
        reduce(tensor, op=dist.ReduceOp.SUM, group=group, **options)
        tensor /= dist.get_world_size(group)
        return None

    def all_gather_into_tensor(output_tensor, input_tensor, *arguments, **options):
        given = input_tensor.reshape(1) if input_tensor.dim() == 0 else input_tensor
        return gather(output_tensor, given, *arguments, **options)

    dist.init_process_group = lambda backend=None, **options: start("gloo", **options)
    dist.all_reduce, dist.all_gather_into_tensor = all_reduce, all_gather_into_tensor


def _meshes() -> None:
    import dinov3.fsdp.ac_compile_parallelize  # noqa: F401

    module = sys.modules["dinov3.fsdp.ac_compile_parallelize"]
    mesh, init_mesh = module.DeviceMesh, module.init_device_mesh
    module.DeviceMesh = SimpleNamespace(from_group=lambda group, _device: mesh.from_group(group, "cpu"))
    module.init_device_mesh = lambda _device, **options: init_mesh("cpu", **options)


class Rounded:
    """`torch` with the logarithm and the exponential of float32 computed in float64.

    MKL's own kernels round some of them to the neighbour, and which ones depends on the instruction set."""

    exp = staticmethod(lambda tensor: tensor.double().exp().float())
    log = staticmethod(lambda tensor: tensor.double().log().float())

    def __getattr__(self, name):
        return getattr(torch, name)


def _crops() -> None:
    import torchvision.transforms.v2._geometry as geometry

    geometry.torch = Rounded()


def install(images: int) -> None:
    """Points the program at the CPU, and tells it that the split TRAIN has this many images."""
    from dinov3.data.datasets import ImageNet

    _devices()
    _collectives()
    _meshes()
    _crops()
    ImageNet.Split.length = property(lambda _split: images)


def install_plain_modules() -> None:
    """Leaves out FSDP2. Its policy casts the floating-point inputs of every wrapped module to the type of the parameters,
    which matters to RoPE's tables, and so do the modules here. Only float32 is the program's without it."""
    import dinov3.train.ssl_meta_arch as meta_arch
    from torch.utils._pytree import tree_map

    def widen(value):
        return value.float() if isinstance(value, torch.Tensor) and value.is_floating_point() else value

    def cast(_module, arguments, options):
        return tree_map(widen, arguments), tree_map(widen, options)

    def prepared(trained_model, inference_only_models, cfg, **_groups) -> None:
        if cfg.compute_precision.param_dtype != "fp32" or cfg.train.checkpointing or cfg.train.compile:
            raise ValueError("plain modules are the program's in fp32 alone, without checkpointing and compilation")
        for network in [trained_model, *inference_only_models]:
            for block in network.backbone.blocks:
                block.register_forward_pre_hook(cast, with_kwargs=True)
            network.to_empty(device="cpu")

    meta_arch.ac_compile_parallelize = prepared
    _no_collectives()


def _no_collectives() -> None:
    """One rank's sum is its own tensor, and so is what it gathers."""

    def all_gather_into_tensor(output_tensor, input_tensor, *_, **__) -> None:
        output_tensor.copy_(input_tensor.reshape(output_tensor.shape))

    dist.all_reduce, dist.all_gather_into_tensor = (lambda *_, **__: None), all_gather_into_tensor
