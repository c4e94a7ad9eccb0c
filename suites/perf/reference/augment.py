#!/usr/bin/env python3
"""The reference's side of the benchmark `augment`: makes the pictures that both sides read, and times the augmentation of the
code in a checkout on one core. `dinov3-perf` starts it; the checkout is used as it is.

The crops are compared under the pins of the golden sets: without them a blurred value near a tie is now and then rounded the
other way, by the processor's own exponential. Times are taken without pins."""

import argparse
import hashlib
import io
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "golden" / "export"))
sys.dont_write_bytecode = True

from dinov3_export import beside, pins  # noqa: E402

# The size of most of ImageNet's pictures, and the seed of the draws.
WIDTH, HEIGHT, SEED = 500, 375, 0


def parser() -> argparse.ArgumentParser:
    """All options; the benchmark gives them."""
    p = beside.parser(__doc__)
    p.add_argument("--photographs", type=Path, help="what the pictures are cut from")
    p.add_argument("--pictures", type=Path, help="folder of the pictures")
    p.add_argument("--make", action="store_true", help="make the pictures, print a hash of their first crops, and stop")
    p.add_argument("--images", type=int, default=1, help="on the clock")
    return p


def make(photographs: Path, pictures: Path) -> None:
    """A 500x375 JPEG of each photograph, at the quality and subsampling that most of ImageNet has."""
    from PIL import Image

    for path in sorted(photographs.glob("*.jpg")):
        picture = Image.open(path).convert("RGB").resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS)
        picture.save(pictures / path.name, quality=95, subsampling="4:2:0")


class Side:
    """Decodes and augments the pictures in turn."""

    def __init__(self, pictures: Path, reference: Path) -> None:
        sys.path.insert(0, str(reference))
        import torch
        from dinov3.data.augmentations import DataAugmentationDINO

        torch.set_num_threads(1)
        torch.manual_seed(SEED)
        self.encoded = [path.read_bytes() for path in sorted(pictures.glob("*.jpg"))]
        self._augmentation = DataAugmentationDINO((0.32, 1.0), (0.05, 0.32), 8, global_crops_size=224, local_crops_size=96)

    def crops(self, number: int) -> list:
        """Of image `number`."""
        from PIL import Image

        made = self._augmentation(Image.open(io.BytesIO(self.encoded[number % len(self.encoded)])).convert("RGB"))
        return [*made["global_crops"], *made["local_crops"]]

    def first(self) -> str:
        """SHA-256 of the crops of one picture after another."""
        digest = hashlib.sha256()
        for number in range(len(self.encoded)):
            for crop in self.crops(number):
                digest.update(crop.contiguous().numpy().tobytes())
        return digest.hexdigest()

    def seconds(self, images: int) -> float:
        """For so many images, after one of each picture that is not on the clock."""
        for number in range(len(self.encoded)):
            self.crops(number)
        start = time.perf_counter()
        for number in range(images):
            self.crops(number)
        return time.perf_counter() - start


def measure(arguments: argparse.Namespace, reference: Path) -> dict:
    """The pictures and their first crops, or the time that some crops take."""
    if arguments.make:
        make(arguments.photographs, arguments.pictures)
        return {"first": Side(arguments.pictures, reference).first()}
    return {"images": arguments.images, "seconds": Side(arguments.pictures, reference).seconds(arguments.images)}


if __name__ == "__main__":
    given = parser().parse_args()
    sys.exit(beside.main(given, measure, pins.PINS if given.make else {}))
