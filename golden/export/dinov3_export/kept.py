"""A state that a trajectory passed, with the batch that came next, as the folder that `record.py NAME --inputs-from` takes."""

import hashlib
import json
from pathlib import Path

import torch

from . import inputs, state
from .writer import INPUTS, MANIFEST, STATE

CROPS = ("global_crops", "local_crops")


def inputs_of(batch: dict, mean, std) -> dict[str, torch.Tensor]:
    """The batch of a step as a set of training steps has it: crops as 8-bit pixels, and masks."""
    kept = {f"0.{name}": inputs.quantise(batch[f"collated_{name}"].float(), mean, std) for name in CROPS}
    return {**kept, "0.masks": batch["collated_masks"]}


def photographs_of(folder: Path) -> list[dict]:
    """The images of a folder of ImageNet's layout with their hashes, in the order of their names."""
    files = sorted(folder.glob("train/*/*.JPEG"))
    return [{"file": path.name, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()} for path in files]


def write(folder: Path, trainer, batch: dict, images: Path, mean, std) -> None:
    """Writes state, batch, and what the batch was made from. The moments before the first step are zeros."""
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    save_file({name: tensor.contiguous() for name, tensor in inputs_of(batch, mean, std).items()}, folder / INPUTS)
    tensors = state.tensors(trainer, begun=bool(trainer.optimizer.state))
    save_file({name: tensor.clone() for name, tensor in tensors.items()}, folder / STATE)
    text = json.dumps({"recipe": {"photographs": photographs_of(images)}})
    (folder / MANIFEST).write_text(text, encoding="utf-8")
