"""Names and shapes of every parameter and buffer of the reference's architectures, without their weights."""

import inspect
import json
import os
from pathlib import Path

import torch

from . import COMMIT, REPOSITORY
from .config import load

PRETRAIN_7B = "dinov3/configs/train/dinov3_vit7b16_pretrain.yaml"
BUILDERS = ("vit_small", "vit_base", "vit_large", "vit_so400m", "vit_huge2", "vit_giant2", "vit_7b")
EVERYTHING = {
    "n_storage_tokens": 4,
    "mask_k_bias": True,
    "layerscale_init": 1e-5,
    "untie_cls_and_patch_norms": True,
    "untie_global_and_local_cls_norm": True,
}


def _variants(reference: Path) -> list[tuple[str, str, dict]]:
    """(label, builder, options beyond the constructor's defaults)."""
    student = load(reference, PRETRAIN_7B, []).student
    # The arguments that the reference's build_model passes to a builder, under the constructor's names.
    options_7b = {
        "pos_embed_rope_base": student.pos_embed_rope_base,
        "pos_embed_rope_rescale_coords": student.pos_embed_rope_rescale_coords,
        "qkv_bias": student.qkv_bias,
        "layerscale_init": student.layerscale,
        "norm_layer": student.norm_layer,
        "ffn_layer": student.ffn_layer,
        "n_storage_tokens": student.n_storage_tokens,
        "mask_k_bias": student.mask_k_bias,
        "untie_cls_and_patch_norms": student.untie_cls_and_patch_norms,
        "untie_global_and_local_cls_norm": student.untie_global_and_local_cls_norm,
    }
    variants = [(name, name, options_7b if name == "vit_7b" else {}) for name in BUILDERS]
    variants.append(("vit_micro", "vit_micro", {"patch_size": 8}))
    variants.append(("vit_small_everything", "vit_small", EVERYTHING))
    # At this size, unlike at the micro one, aligning the hidden width to 32 and to 64 gives different widths.
    for layer in ("swiglu32", "swiglu64"):
        variants.append((f"vit_so400m_{layer}", "vit_so400m", {"ffn_layer": layer}))
    return variants


def _describe(label: str, builder: str, options: dict) -> dict:
    from dinov3.models import vision_transformer as vits

    seen: dict = {}
    constructor = vits.DinoVisionTransformer

    def watched(**arguments):
        seen.update(arguments)
        return constructor(**arguments)

    vits.DinoVisionTransformer = watched
    try:
        with torch.device("meta"):
            model = vits.__dict__[builder](**options)
    finally:
        vits.DinoVisionTransformer = constructor
    defaults = {
        name: parameter.default
        for name, parameter in inspect.signature(constructor.__init__).parameters.items()
        if parameter.default is not inspect.Parameter.empty and name != "device"
    }
    state = [[name, list(tensor.shape)] for name, tensor in model.state_dict().items()]
    return {"name": label, "builder": builder, "options": {**defaults, **seen}, "state": state}


def write(reference: Path, target: Path) -> None:
    """Writes the list as compact JSON, one architecture per line."""
    lines = [
        json.dumps(_describe(*variant), separators=(",", ":"), allow_nan=False) for variant in _variants(reference)
    ]
    head = json.dumps({"repository": REPOSITORY, "commit": COMMIT}, separators=(",", ":"))
    text = '{"schema_version":1,"reference":' + head + ',"architectures":[\n' + ",\n".join(lines) + "\n]}\n"
    temporary = target.with_name(f".{target.name}.tmp")
    temporary.write_bytes(text.encode("utf-8"))
    os.replace(temporary, target)
