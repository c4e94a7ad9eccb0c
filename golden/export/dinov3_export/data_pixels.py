"""Encoded images of every kind that ImageNet has, the results of each operation on pixels, and whole crops."""

from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path

import torch

from .data_draws import augmentation

# Top, left, height, width, height and width of the result: smaller, larger, one by one way, as it is, odd, single pixels.
BOXES = (
    (0, 0, 300, 451, 224, 224), (10, 20, 224, 224, 224, 224), (40, 60, 80, 60, 224, 224), (0, 0, 300, 100, 96, 96),
    (5, 7, 151, 211, 96, 96), (37, 41, 53, 400, 96, 96), (100, 200, 1, 1, 32, 32), (299, 450, 1, 1, 1, 1),
    (3, 5, 7, 11, 32, 32), (120, 130, 97, 89, 1, 1), (0, 350, 300, 101, 33, 57), (17, 19, 223, 225, 224, 224),
    (50, 0, 1, 451, 32, 32), (0, 449, 300, 2, 96, 96),
)
FACTORS = {
    "brightness": (0.6, 0.83, 1.17, 1.4),
    "contrast": (0.6, 0.91, 1.03, 1.4),
    "saturation": (0.6, 0.8, 1.2, 1.4),
    "hue": (-0.1, 0.05, 0.1, -0.5),
}
SIGMAS = (0.1, 0.5, 1.3, 2.0)
# Height and width of the image for the operations on colours.
SHOWN = (83, 97)
SMALL = ("crops.global_crops_size=96", "crops.local_crops_size=48")
# Case -> overrides; a case without sizes has the published sizes.
CROPS = {
    "default": (),
    "shared": ("crops.share_color_jitter=true",),
    "no_flips": ("crops.horizontal_flips=false",),
    "subset": (*SMALL, "crops.localcrops_subset_of_globalcrops=true"),
    "gram": (*SMALL, "crops.gram_teacher_crops_size=64"),
    "gram_no_distortions": (*SMALL, "crops.gram_teacher_crops_size=64", "crops.gram_teacher_no_distortions=true"),
}


def as_bytes(data: bytes) -> torch.Tensor:
    """U8 [bytes]."""
    return torch.frombuffer(bytearray(data), dtype=torch.uint8)


def _encoded(image, kind: str, **options) -> bytes:
    buffer = BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def _odd(image) -> dict[str, bytes]:
    """Files of kinds that are rare in ImageNet, made from parts of a photograph at least 400 wide and 300 high."""
    import numpy as np
    from PIL import Image

    def part(left: int, top: int, width: int = 37, height: int = 53):
        return image.crop((left, top, left + width, top + height))

    deep = np.asarray(part(90, 110).convert("L")).astype(np.uint16)
    clear = part(150, 60)
    clear.putalpha(part(200, 100).convert("L"))
    return {
        "grey.jpg": _encoded(part(120, 80, 61, 45).convert("L"), "JPEG"),
        "cmyk.jpg": _encoded(part(140, 90, 50, 41).convert("CMYK"), "JPEG"),
        "rgb.jpg": _encoded(part(60, 70, 33, 29), "JPEG", keep_rgb=True),
        "progressive.jpg": _encoded(part(100, 60, 75, 67), "JPEG", progressive=True),
        "420.jpg": _encoded(part(180, 90), "JPEG", subsampling="4:2:0"),
        "422.jpg": _encoded(part(180, 90), "JPEG", subsampling="4:2:2"),
        "444.jpg": _encoded(part(180, 90), "JPEG", subsampling="4:4:4"),
        "restart.jpg": _encoded(part(210, 120, 83, 71), "JPEG", restart_marker_blocks=3),
        "png_under_jpeg_name.JPEG": _encoded(part(230, 100, 40, 31), "PNG"),
        "png_palette.png": _encoded(part(130, 130, 64, 48).quantize(64), "PNG"),
        "png_1bit.png": _encoded(part(130, 130, 37, 21).convert("1"), "PNG"),
        "png_grey_alpha.png": _encoded(clear.convert("LA"), "PNG"),
        "png_rgba.png": _encoded(clear, "PNG"),
        # Numbers on both sides of 255, where Pillow cuts them.
        "png_16bit.png": _encoded(Image.fromarray(deep * 3 // 2), "PNG"),
    }


def files(photographs: Path, names: list[str]) -> dict[str, torch.Tensor]:
    """`file.<name>` of the unchanged photographs and of the rare kinds."""
    found = {name: (photographs / name).read_bytes() for name in names}
    found.update(_odd(_decoded(as_bytes(found["chelsea.jpg"]))))
    return {f"file.{name}": as_bytes(data) for name, data in found.items()}


def operands() -> dict[str, torch.Tensor]:
    """`pixels.crops` I64 [boxes, 6], `pixels.factors` F32 [4, 4] (a row each for brightness, contrast, saturation, hue) and
    `pixels.sigmas` F32 [4]."""
    return {
        "pixels.crops": torch.tensor(BOXES, dtype=torch.int64),
        "pixels.factors": torch.tensor(list(FACTORS.values()), dtype=torch.float32),
        "pixels.sigmas": torch.tensor(SIGMAS, dtype=torch.float32),
    }


def _decoded(data: torch.Tensor):
    from dinov3.data.datasets.decoders import ImageDataDecoder

    return ImageDataDecoder(data.numpy().tobytes()).decode()


def _pixels(image) -> torch.Tensor:
    """U8 [H, W, 3]."""
    return as_bytes(image.tobytes()).view(image.height, image.width, 3)


def _resized(image, top: int, left: int, height: int, width: int, size: list[int]):
    from torchvision.transforms import v2

    return v2.functional.resized_crop(image, top, left, height, width, size, v2.InterpolationMode.BICUBIC)


def pixels(stored: dict[str, torch.Tensor], cfg) -> Iterator[tuple[str, torch.Tensor]]:
    """Yields (name, tensor): U8 [H, W, 3] for decoded, cropped and recoloured images, F32 for blurred images (pixel
    values, [H, W, 3]) and normalised images ([3, H, W])."""
    images = {key.removeprefix("file."): _decoded(data) for key, data in stored.items() if key.startswith("file.")}
    for name, image in images.items():
        yield f"pixels.decode.{name}", _pixels(image)
    for index, (top, left, height, width, *size) in enumerate(stored["pixels.crops"].tolist()):
        yield f"pixels.crop.{index}", _pixels(_resized(images["chelsea.jpg"], top, left, height, width, size))
    coffee = images["coffee.jpg"]
    yield from _changed(_resized(coffee, 0, 0, coffee.height, coffee.width, list(SHOWN)), stored, cfg)


def _changed(image, stored: dict[str, torch.Tensor], cfg) -> Iterator[tuple[str, torch.Tensor]]:
    from torchvision.transforms import v2

    for kind, factors in zip(FACTORS, stored["pixels.factors"].tolist()):
        change = getattr(v2.functional, f"adjust_{kind}")
        for index, factor in enumerate(factors):
            yield f"pixels.{kind}.{index}", _pixels(change(image, factor))
    yield "pixels.grey", _pixels(v2.functional.rgb_to_grayscale(image, num_output_channels=3))
    yield "pixels.solarised", _pixels(v2.functional.solarize(image, threshold=128))
    yield "pixels.flipped", _pixels(v2.functional.horizontal_flip(image))
    for index, sigma in enumerate(stored["pixels.sigmas"].tolist()):
        blurred = v2.functional.gaussian_blur(image, kernel_size=[9, 9], sigma=[sigma, sigma])
        yield f"pixels.blurred.{index}", _pixels(blurred).float()
    yield "pixels.normalised", augmentation(cfg).normalize(image)


def crops(seed: int, stored: dict[str, torch.Tensor], names: list[str], config: Callable) -> Iterator[tuple[str, torch.Tensor]]:
    """Yields the crops of each case and photograph as the model receives them, F32: `.global` [2, 3, S, S], `.local`
    [L, 3, s, s], and, if the case has Gram teacher crops, `.gram` [2, 3, g, g]."""
    from dinov3.utils import fix_random_seeds

    images = [(Path(name).stem, _decoded(stored[f"file.{name}"])) for name in names]
    for number, (case, overrides) in enumerate(CROPS.items()):
        made = augmentation(config(overrides))
        fix_random_seeds(seed + 7 + number)
        for stem, image in images:
            output = made(image)
            for kind, key in (("global", "global_crops"), ("local", "local_crops"), ("gram", "gram_teacher_crops")):
                if key in output:
                    yield f"crops.{case}.{stem}.{kind}", torch.stack(list(output[key]))
