"""Builds the reference's student and teachers, in the order in which its training program builds them."""

from contextlib import contextmanager

import torch
from torch import nn

from . import FAILED, ExportError
from .sharding import full, local, put, sharding_on
from .weights import Brought

# The value of `gram.ckpt` for a Gram teacher that is drawn from a seed instead of read from a file.
GRAM_FROM_SEED = "seed"


def add_micro_architectures() -> None:
    """Adds three architectures beside the reference's seven: `vit_nano`, which takes 125000 steps in minutes,
    `vit_micro`, small enough to be stored in full, and `vit_micro_wide`, its teacher in distillation."""
    from dinov3.models import vision_transformer as vits

    def vit_nano(patch_size: int = 16, **options) -> nn.Module:
        return vits.DinoVisionTransformer(
            patch_size=patch_size, embed_dim=32, depth=1, num_heads=1, ffn_ratio=4, **options
        )

    def vit_micro(patch_size: int = 16, **options) -> nn.Module:
        return vits.DinoVisionTransformer(
            patch_size=patch_size, embed_dim=64, depth=3, num_heads=2, ffn_ratio=4, **options
        )

    def vit_micro_wide(patch_size: int = 16, **options) -> nn.Module:
        return vits.DinoVisionTransformer(
            patch_size=patch_size, embed_dim=96, depth=2, num_heads=3, ffn_ratio=4, **options
        )

    vits.vit_nano, vits.vit_micro, vits.vit_micro_wide = vit_nano, vit_micro, vit_micro_wide


def parts(model: nn.Module) -> dict[str, nn.Module]:
    """The networks of a model, each once: student, model_ema, and, if they are separate networks, teacher and
    gram_teacher."""
    found = {"student": model.student, "model_ema": model.model_ema}
    if model.teacher is not model.model_ema:
        found["teacher"] = model.teacher
    if model.has_gram_teacher:
        found["gram_teacher"] = model.gram_teacher
    return found


def _meta_architecture(cfg) -> type[nn.Module]:
    from dinov3.train.multidist_meta_arch import MultiDistillationMetaArch
    from dinov3.train.ssl_meta_arch import SSLMetaArch

    known = {"SSLMetaArch": SSLMetaArch, "MultiDistillationMetaArch": MultiDistillationMetaArch}
    if cfg.MODEL.META_ARCHITECTURE not in known:
        raise ExportError(f"unknown MODEL.META_ARCHITECTURE {cfg.MODEL.META_ARCHITECTURE}", f"any of {', '.join(known)}")
    return known[cfg.MODEL.META_ARCHITECTURE]


def _allocate(cfg, shard: bool, device: str) -> nn.Module:
    """The model with allocated memory and every floating-point number NaN, in training mode (the teachers in evaluation
    mode)."""
    with torch.device("meta"):
        model = _meta_architecture(cfg)(cfg)
    if shard:
        with sharding_on(device, cast_inputs=cfg.compute_precision.param_dtype != "fp32"):
            model.prepare_for_distributed_training()
    model.to_empty(device=device)
    with torch.no_grad():
        for tensor in [*model.parameters(), *model.buffers()]:
            if tensor.is_floating_point():
                local(tensor).fill_(float("nan"))
    model.train()
    return model


@contextmanager
def _no_checkpoint():
    """A context in which the reference's reader of checkpoints reads nothing, so that a Gram teacher stays
    unchanged."""
    from dinov3.train import ssl_meta_arch

    reader = ssl_meta_arch.init_fsdp_model_from_checkpoint

    def nothing(_model, path, **_options) -> None:
        if path != GRAM_FROM_SEED:
            raise ExportError(f"a recording reads no checkpoint, but the config names {path}",
                              f"gram.ckpt={GRAM_FROM_SEED} draws the Gram teacher; distillation.checkpoint_path=ignore")

    ssl_meta_arch.init_fsdp_model_from_checkpoint = nothing
    try:
        yield
    finally:
        ssl_meta_arch.init_fsdp_model_from_checkpoint = reader


def _initialise(model: nn.Module, seed: int) -> None:
    torch.manual_seed(seed)
    with _no_checkpoint():
        model.init_weights()
    for part, network in parts(model).items():
        for name, tensor in network.state_dict().items() if part != "gram_teacher" else ():
            if not torch.isfinite(local(tensor)).all():
                raise ExportError(f"{part}.{name} was not initialised", "the reference's own init left NaN in it", FAILED)


def _add_noise(network: nn.Module, scale: float) -> None:
    with torch.no_grad():
        for parameter in network.parameters():
            local(parameter).add_(torch.randn(parameter.shape, dtype=torch.float32) * scale)


def _warm(model: nn.Module, seed: int, warm: float) -> None:
    """Adds noise to every parameter. Without noise, biases are zero and LayerScale is 1e-5, and both hide defects in
    earlier layers."""
    torch.manual_seed(seed + 1)
    _add_noise(model.student, warm)
    if model.teacher is not model.model_ema:
        _add_noise(model.teacher, warm)
    model.model_ema.load_state_dict(model.student.state_dict())


def _draw_shared_teacher(model: nn.Module, seed: int, warm: float) -> None:
    """Initialises the frozen teacher of several students once more: each rank has drawn one behind a student of its own size."""
    torch.manual_seed(seed + 4)
    for network in model.teacher.values():
        network.init_weights()
    if warm > 0:
        _add_noise(model.teacher, warm)


def _draw_gram_teacher(model: nn.Module, seed: int, warm: float) -> None:
    """Initialises a separate Gram teacher in place of reading its checkpoint."""
    torch.manual_seed(seed + 3)
    model.gram_teacher.backbone.init_weights()
    if warm > 0:
        _add_noise(model.gram_teacher, warm)
    model.gram_teacher_initialized = True


def _copy(source: nn.Module, target: nn.Module) -> None:
    values = source.state_dict()
    for name, tensor in target.state_dict().items():
        put(tensor, full(values[name]))
    target.gram_teacher_initialized = source.gram_teacher_initialized


def build(cfg, precision: str, device: str, seed: int, warm: float, on_init=None, via_host: bool | None = None,
          shard: bool | None = None, brought: Brought | None = None, students: bool = False) -> nn.Module:
    """The model ready for its forward at a precision: `truth` in float64, `fp32` as it is, `bf16` under the
    reference's own FSDP2 mixed precision.

    Weights are drawn on the host on every device. `on_init` is called with the model between initialisation and warming.
    `via_host` (by default: true except on the CPU) copies the sharded model's weights from a plain model on the host.
    `shard` (by default: true only for bf16) shards the model, and compiles it where the process and the config do. `brought` holds weights and buffers that take the place of
    the drawn ones. `students` says that several share the frozen teacher.
    """
    shard = precision == "bf16" if shard is None else shard
    via_host = device != "cpu" if via_host is None else via_host
    host = _allocate(cfg, shard=shard and not via_host, device="cpu")
    _initialise(host, seed)
    if brought is not None:
        brought.fill({"student": host.student}, initial=True)
    if on_init is not None:
        on_init(host)
    if warm > 0:
        _warm(host, seed, warm)
    if students:
        _draw_shared_teacher(host, seed, warm)
    if host.has_gram_teacher:
        _draw_gram_teacher(host, seed, warm)
    if brought is not None:
        brought.fill(parts(host))
    if shard and via_host:
        model = _allocate(cfg, shard=True, device=device)
        _copy(host, model)
        return model
    if precision == "truth":
        host._apply(lambda tensor: tensor.double() if tensor.dtype == torch.float32 else tensor)
    return host if device == "cpu" else host.to(device)
