"""The tables that the reference writes for ImageNet, made for a small tree with unusual names."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import torch

from .data_pixels import as_bytes

# Neither sorted as folders are, nor as many as there are folders: the reference takes the width of a column from the rows at
# the folders' places, and a name from the row with the folder's identifier, so some names are cut.
LABELS = (
    b'n02119789,kit fox\n'
    b'n01440764,"tench, ""Tinca tinca"""\r\n'
    b'N01514859,hen\n'
    + 'n03ö7,Großer Panda\n'.encode()
    + 'ｆ９,大熊猫 𠀋\n'.encode()
    + '𠀋,𝔊 beyond the basic plane\n'.encode()
    + b'n15075141,"toilet tissue, toilet paper, bathroom tissue"\n'
    b'nested_wide_class,"a name longer than all others, in a row that is at no folder\'s place"\n'
    b'n09999999,no folder'
)
# Orders that differ from one another: by code point (𠀋 comes after ｆ), by UTF-16 unit (before it), without regard to case.
TREE = (
    "train/LICENCE.txt",
    "train/N01514859/N01514859_1.JPEG",
    "train/N01514859/N01514859_10.JPEG",
    "train/N01514859/N01514859_2.JPEG",
    "train/n01440764/.hidden_12.JPEG",
    "train/n01440764/7.JPEG",
    "train/n01440764/a_b_c_0042.JPEG",
    "train/n01440764/n01440764_007.JPEG",
    "train/n01440764/n01440764_10026.JPEG",
    "train/n01440764/n01440764_100.webp",
    "train/n01440764/n01440764_18.JPG",
    "train/n01440764/n01440764_36.jpeg",
    "train/n01440764/n01440764_5.JPEG.txt",
    "train/n01440764/n01440764_99.png",
    "train/n01440764/readme.txt",
    "train/n02119789/n01440764/y_6.bmp",
    "train/n02119789/n02119789_0.JPEG",
    "train/n02119789/n02119789_4294967295.JPEG",
    "train/n02119789/nested_wide_class/x_5.JPEG",
    "train/n03ö7/n03ö7_00000000000000000003.tiff",
    "train/n03ö7/n03ö7_4.PnG",
    "train/n15075141/n15075141_9.pgm",
    "train/n15075141/n15075141_8.ppm",
    "train/n15075141/n15075141_7.tif",
    "train/ｆ９/ｆ９_1.JPEG",
    "train/𠀋/𠀋_2.JPEG",
    "val/n01440764/ILSVRC2012_val_00000293.JPEG",
    "val/n01440764/ILSVRC2012_val_00002138.JPEG",
    "val/n03ö7/ILSVRC2012_val_00000001.JPEG",
    "val/n15075141/ILSVRC2012_val_00050000.JPEG",
    "val/n15075141/ILSVRC2012_val_00049999.JPEG",
)


def inputs() -> dict[str, torch.Tensor]:
    """`tables.tree` U8: the paths of the tree's files, which are empty, a line each in UTF-8; `tables.labels` U8: labels.txt."""
    return {"tables.tree": as_bytes("\n".join(TREE).encode()), "tables.labels": as_bytes(LABELS)}


def tables(stored: dict[str, torch.Tensor], out: Path) -> Iterator[tuple[str, torch.Tensor]]:
    """Yields (name, U8 [bytes]) of each file that the reference writes for training and validation. Of the test split it
    writes none: there it asks NumPy for -1 as an unsigned integer, which NumPy 2 refuses."""
    from dinov3.data.datasets import ImageNet

    with tempfile.TemporaryDirectory(dir=out) as folder:
        root, extra = Path(folder) / "root", Path(folder) / "extra"
        for line in stored["tables.tree"].numpy().tobytes().decode().split("\n"):
            (root / line).parent.mkdir(parents=True, exist_ok=True)
            (root / line).touch()
        (root / "labels.txt").write_bytes(stored["tables.labels"].numpy().tobytes())
        for split in (ImageNet.Split.TRAIN, ImageNet.Split.VAL):
            ImageNet(split=split, root=str(root), extra=str(extra)).dump_extra()
            for kind in ("entries", "class-ids", "class-names"):
                name = f"{kind}-{split.name}.npy"
                yield f"tables.{name}", as_bytes((extra / name).read_bytes())
