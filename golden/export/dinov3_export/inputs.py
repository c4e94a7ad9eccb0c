"""Crops of photographs by the reference's own augmentation, stored as 8-bit pixels before their normalisation."""

from pathlib import Path

import torch

from . import FAILED, ExportError


def normalise(pixels: torch.Tensor, mean, std) -> torch.Tensor:
    """uint8 [..., 3, H, W] to the float32 crops that the model receives, with torchvision v2's operations in its order:
    cast to float32; multiply by the scalar 1/255 (a product, not a quotient: the bits differ); subtract the mean, a
    float32 tensor [3, 1, 1]; divide by the standard deviation, likewise."""
    values = pixels.to(torch.float32).mul_(1.0 / 255)
    values = values.sub(torch.tensor(list(mean), dtype=torch.float32).view(-1, 1, 1))
    return values.div_(torch.tensor(list(std), dtype=torch.float32).view(-1, 1, 1))


def _pixels(crops: torch.Tensor, mean, std) -> torch.Tensor | None:
    """The uint8 pixels behind normalised crops; None if normalising them does not give the same bits."""
    mean64 = torch.tensor(list(mean), dtype=torch.float64).view(-1, 1, 1)
    std64 = torch.tensor(list(std), dtype=torch.float64).view(-1, 1, 1)
    pixels = ((crops.double() * std64 + mean64) * 255).round().clamp(0, 255).to(torch.uint8)
    return pixels if torch.equal(normalise(pixels, mean, std), crops) else None


def quantise(crops: torch.Tensor, mean, std) -> torch.Tensor:
    """The uint8 pixels behind normalised crops; raises if there are none."""
    pixels = _pixels(crops, mean, std)
    if pixels is None:
        raise ExportError("the crops are not 8-bit pixels, normalised", "an augmentation that resizes after normalising "
                          "(gram teacher crops) can be recorded with training steps alone", FAILED)
    return pixels


def mask_generator(cfg):
    """The reference's generator of masks, made as in its training program for a config, and its number of patches per
    image."""
    from dinov3.data import MaskingGenerator

    size, patch = cfg.crops.global_crops_size, cfg.student.patch_size
    side = size // patch
    # The largest block: half the side in whole patches, times the whole side, rounded down at both steps.
    largest = ((0.5 * size) // patch * size) // patch
    return MaskingGenerator(input_size=(side, side), max_num_patches=largest), side * side


def _collated(cfg, model, images: list, seed: int, local_batch_size: int | None = None) -> dict:
    """The reference's augmentation, masking and collation of these images. `local_batch_size` is the number of images that a student's rank
    computes, if its ranks load others."""
    from dinov3.data import collate_data_and_cast
    from dinov3.utils import fix_random_seeds

    if not isinstance(cfg.crops.global_crops_size, int):
        raise ExportError("several crop sizes at once cannot be recorded", "give one crops.global_crops_size")
    fix_random_seeds(seed)
    augmentation = model.build_data_augmentation_dino(cfg)
    samples = [(augmentation(image), ()) for image in images]
    generator, tokens = mask_generator(cfg)
    batch = collate_data_and_cast(
        samples,
        mask_ratio_tuple=cfg.ibot.mask_ratio_min_max,
        mask_probability=cfg.ibot.mask_sample_probability,
        dtype=torch.float32,
        n_tokens=tokens,
        mask_generator=generator,
        random_circular_shift=cfg.ibot.mask_random_circular_shift,
        local_batch_size=local_batch_size,
    )
    indices, weights = mask_figures(batch["collated_masks"])
    if not (torch.equal(indices, batch["mask_indices_list"]) and torch.equal(weights, batch["masks_weight"])):
        raise ExportError("mask indices or weights cannot be recomputed from the masks", "", FAILED)
    return batch


def _open(photographs: Path, files: list[str]) -> list:
    from PIL import Image

    return [Image.open(photographs / file).convert("RGB") for file in files]


def augment(cfg, model, photographs: Path, files: list[str], batch_size: int, seed: int) -> dict[str, torch.Tensor]:
    """The batch of a forward: image i is photograph i modulo their number.
    Returns `global_crops` U8 [2B, 3, H, W], `local_crops` U8 [nB, 3, h, w] and `masks` BOOL [2B, N]."""
    images = _open(photographs, files)
    batch = _collated(cfg, model, [images[i % len(images)] for i in range(batch_size)], seed)
    mean, std = cfg.crops.rgb_mean, cfg.crops.rgb_std
    return {
        "global_crops": quantise(batch["collated_global_crops"], mean, std),
        "local_crops": quantise(batch["collated_local_crops"], mean, std),
        "masks": batch["collated_masks"],
    }


def images_of_a_student(cfg, recipe: dict) -> int | None:
    """The images of a rank's student, whose masks it loads: a share of all. None without several students."""
    if not recipe["students"]:
        return None
    first, end = recipe["students"][0]["ranks"]
    return cfg.multidistillation.global_batch_size // (end - first)


def batches(cfg, model, photographs: Path, recipe: dict) -> dict[str, torch.Tensor]:
    """The batches of training steps. The seed of batch b is the seed plus 100 plus b, and its image i is photograph b ·
    B + i modulo the number of photographs. Returns the results of `augment` under `<b>.<name>`, and
    `gram_teacher_crops` [2B, 3, h, w] if the recipe has them. Crops resized after their normalisation are not 8-bit
    pixels and are stored unchanged, F32."""
    images, size = _open(photographs, recipe["photographs"]), recipe["batch_size"]
    mean, std = cfg.crops.rgb_mean, cfg.crops.rgb_std
    kept = {}
    for b in range(recipe["training"]["batches"]):
        chosen = [images[(b * size + i) % len(images)] for i in range(size)]
        batch = _collated(cfg, model, chosen, recipe["seed"] + 100 + b, images_of_a_student(cfg, recipe))
        for name in ("global_crops", "local_crops", "gram_teacher_crops"):
            if (crops := batch.get(f"collated_{name}")) is not None:
                kept[f"{b}.{name}"] = crops if (pixels := _pixels(crops, mean, std)) is None else pixels
        kept[f"{b}.masks"] = batch["collated_masks"]
    return kept


def intermediate(photographs: Path, file: str, height: int, width: int) -> torch.Tensor:
    """U8 [1, 3, height, width]: the largest centred part of a photograph with these proportions, resized (bicubic)."""
    from PIL import Image

    (image,) = _open(photographs, [file])
    scale = min(image.width / width, image.height / height)
    part_width, part_height = int(width * scale), int(height * scale)
    left, top = (image.width - part_width) // 2, (image.height - part_height) // 2
    box = (left, top, left + part_width, top + part_height)
    resized = image.crop(box).resize((width, height), Image.Resampling.BICUBIC)
    pixels = torch.frombuffer(bytearray(resized.tobytes()), dtype=torch.uint8).view(height, width, 3)
    return pixels.permute(2, 0, 1).contiguous().unsqueeze(0)


def mask_figures(masks: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """From BOOL [2B, N]: the flat indices of masked patches I64 [M], and their weights F32 [M], which are one over the
    number of masked patches of their image."""
    counts = masks.sum(dim=1)
    weights = counts.clamp(min=1.0).reciprocal().repeat_interleave(counts)
    return masks.reshape(-1).nonzero().reshape(-1), weights
