#!/usr/bin/env python3
"""The reference's own training program on a GPU, ended after some steps: `measure.sh` starts it.

Nothing of the program is changed but this: its split TRAIN has as many images as there are, in place of ImageNet's, and its loader
gives no more batches after the last step asked for. Its log and its figures are in the output folder."""

import argparse
import sys
from pathlib import Path

sys.dont_write_bytecode = True


def main() -> None:
    """Runs the program."""
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--reference", type=Path, required=True, help="checkout of the reference at the pinned commit")
    p.add_argument("--images", type=Path, required=True, help="the folder that has `train`")
    p.add_argument("--tables", type=Path, required=True, help="the folder of the dataset's tables")
    p.add_argument("--config", type=Path, required=True, help="the recipe")
    p.add_argument("--steps", type=int, required=True, help="steps until the end")
    p.add_argument("--out", type=Path, required=True, help="the output folder")
    p.add_argument("overrides", nargs="*", metavar="KEY=VALUE", help="given to the program")
    arguments = p.parse_args()
    sys.path.insert(0, str(arguments.reference.resolve()))

    from dinov3.data.datasets import ImageNet
    from dinov3.train import train

    images = sum(1 for _ in arguments.images.glob("train/*/*.JPEG"))
    ImageNet.Split.length = property(lambda _split: images)

    class Ended(train.MetricLogger):
        def log_every(self, iterable, *others, **options):
            yield from super().log_every((batch for _, batch in zip(range(arguments.steps), iterable)), *others, **options)

    train.MetricLogger = Ended
    dataset = f"ImageNet:split=TRAIN:root={arguments.images}:extra={arguments.tables}"
    sys.argv = ["train.py", "--config-file", str(arguments.config), "--output-dir", str(arguments.out),
                f"train.dataset_path={dataset}", *arguments.overrides]
    train.main()


if __name__ == "__main__":
    main()
