"""Batches of the reference's own loader, with its worker processes, from a small ImageNet of the photographs."""

import contextlib
import itertools
import tempfile
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import torch

from . import FAILED, ExportError
from .data_draws import augmentation, replaced
from .data_pixels import as_bytes
from .data_streams import integers

FOLDERS = ("n01000000", "n01000001", "n01000002")
# Images of each class: fewer than ten, so that names and numbers sort alike.
IMAGES = 5
TREE = tuple(f"train/{folder}/{folder}_{image}.JPEG" for folder in FOLDERS for image in range(1, IMAGES + 1))
LABELS = "".join(f"{folder},class {number}\n" for number, folder in enumerate(FOLDERS)).encode()
# Relative to the working folder: the reference splits this text at colons and equals signs, which a path may have.
DATASET = "ImageNet:split=TRAIN:root=root:extra=extra"
SMALL = (
    f"train.dataset_path={DATASET}", "train.batch_size_per_gpu=3", "train.num_workers=2", "train.cache_dataset=false",
    "compute_precision.param_dtype=fp32", "student.patch_size=8", "crops.global_crops_size=32", "crops.local_crops_size=16",
    "crops.local_crops_number=4",
)
RESOLUTIONS = (
    "train.num_workers=1", "crops.global_crops_size=[32,48]", "crops.local_crops_size=[16,24]",
    "crops.gram_teacher_crops_size=[64,48]", "crops.global_local_crop_pairs_ratios=[0.6,0.4]",
)
# Case -> its overrides of SMALL, the first iteration, number of batches, number of loaders.
CASES = {
    "plain": ((), 0, 5, 1),
    "resumed": (("train.num_workers=3",), 3, 5, 1),
    "sharded": (("train.cache_dataset=true",), 0, 5, 1),
    "resolutions": (RESOLUTIONS, 0, 6, 2),
}
# The recorded parts of a batch: name -> the reference's key.
PARTS = {
    "global": "collated_global_crops",
    "local": "collated_local_crops",
    "gram": "collated_gram_teacher_crops",
    "masks": "collated_masks",
    "indices": "mask_indices_list",
}


def inputs() -> dict[str, torch.Tensor]:
    """`loader.tree` U8: the paths of the tree's files, a line each; `loader.labels` U8: labels.txt."""
    return {"loader.tree": as_bytes("\n".join(TREE).encode()), "loader.labels": as_bytes(LABELS)}


def _plant(stored: dict[str, torch.Tensor], names: list[str], root: Path) -> int:
    """Makes the tree: file k is a copy of photograph k modulo the number of photographs. Returns the number of
    files."""
    lines = stored["loader.tree"].numpy().tobytes().decode().split("\n")
    for line, name in zip(lines, itertools.cycle(names)):
        (root / line).parent.mkdir(parents=True, exist_ok=True)
        (root / line).write_bytes(stored[f"file.{name}"].numpy().tobytes())
    (root / "labels.txt").write_bytes(stored["loader.labels"].numpy().tobytes())
    return len(lines)


def _batches(cfg, start: int, count: int) -> list[dict]:
    """The first batches of the reference's loader, copied out of the shared memory of its workers."""
    from dinov3.train.train import build_multi_resolution_data_loader_from_cfg

    model = SimpleNamespace(build_data_augmentation_dino=augmentation)
    iterator = iter(build_multi_resolution_data_loader_from_cfg(cfg, model, start))
    return [
        {name: batch[key].clone() for name, key in PARTS.items() if key in batch}
        for batch in itertools.islice(iterator, count)
    ]


def _one_draw_a_loader(loaders: int, seed: Callable[[], None], take: Callable[[], list[dict]]) -> list[dict]:
    """The result of `take` after `seed`. `take` may draw only one number per loader from torch's stream, the seed of
    that loader's workers, so that a replay needs no other draws of that stream."""
    seed()
    for _ in range(loaders):
        torch.empty((), dtype=torch.int64).random_()
    expected = torch.get_rng_state()
    seed()
    taken = take()
    if not torch.equal(torch.get_rng_state(), expected):
        raise ExportError("the loaders drew something else than their workers' seeds from torch's stream",
                          "install the torch of golden/export/requirements.txt", FAILED)
    return taken


@contextlib.contextmanager
def _in_imagenet(stored: dict[str, torch.Tensor], names: list[str], out: Path):
    """A context in which the working folder has a small ImageNet with its tables, and the reference accepts its
    length."""
    from dinov3.data.datasets import ImageNet

    with tempfile.TemporaryDirectory(dir=out) as folder, contextlib.chdir(folder), warnings.catch_warnings():
        # More workers than cores, and no accelerator to pin memory for.
        warnings.filterwarnings("ignore", message="This DataLoader will create")
        warnings.filterwarnings("ignore", message="'pin_memory' argument is set")
        length = _plant(stored, names, Path("root"))
        with replaced(ImageNet.Split, "length", property(lambda _: length)):
            ImageNet(split=ImageNet.Split.TRAIN, root="root", extra="extra").dump_extra()
            yield


def batches(
    seed: int, stored: dict[str, torch.Tensor], names: list[str], config: Callable, out: Path
) -> Iterator[tuple[str, torch.Tensor]]:
    """Yields `loader.<case>.<batch>.<global|local|gram|masks|indices>` for each case and batch. A case with several
    sizes also has `loader.<case>.order` I64 [batches]: the side of each batch's global crops."""
    from dinov3.utils import fix_random_seeds

    for number, (case, (overrides, start, count, loaders)) in enumerate(CASES.items()):
        cfg = config((*SMALL, *overrides))
        with _in_imagenet(stored, names, out):
            taken = _one_draw_a_loader(
                loaders, lambda: fix_random_seeds(seed + 55 + number), lambda: _batches(cfg, start, count)
            )
        for index, batch in enumerate(taken):
            yield from ((f"loader.{case}.{index}.{name}", tensor) for name, tensor in batch.items())
        if loaders > 1:
            yield f"loader.{case}.order", integers([batch["global"].shape[-1] for batch in taken])
