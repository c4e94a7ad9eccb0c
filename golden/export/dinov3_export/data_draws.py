"""The random parameters of the reference's augmentation, without its pixels, and the masks of its collation."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from types import SimpleNamespace

import torch

from .data_streams import float_bits
from .inputs import mask_generator

# Width and height of the images, used in turn: photographs, then images in which crops are hard to place.
SIZES = ((500, 375), (375, 500), (640, 427), (64, 64), (33, 200), (300, 30), (7, 5), (1, 1))
# Case -> its overrides, and its number of images.
PARAMETERS = {
    "default": ((), 10000),
    "shared": (("crops.share_color_jitter=true",), 2000),
    "no_flips": (("crops.horizontal_flips=false",), 2000),
    "subset": (("crops.localcrops_subset_of_globalcrops=true",), 2000),
}
COLUMNS = ("top", "left", "height", "width", "flipped", "jittered", "order", "brightness", "contrast", "saturation", "hue",
           "grey", "sigma", "solarised")
FACTORS = ("brightness", "contrast", "saturation", "hue")
# Case -> side of an image and of a patch in pixels, images a batch, batches, further arguments of the collation.
MASKS = {
    "published": (224, 16, 64, 80, {}),
    "micro": (32, 8, 8, 50, {}),
    "shifted": (224, 16, 16, 20, {"random_circular_shift": True}),
    "large": (512, 16, 4, 10, {}),
    "local_batch": (224, 16, 16, 10, {"local_batch_size": 24}),
}


def augmentation(cfg):
    """The reference's augmentation, built by the model's own method, which reads no attribute of the model."""
    from dinov3.train.ssl_meta_arch import SSLMetaArch

    return SSLMetaArch.build_data_augmentation_dino(SimpleNamespace(), cfg)


class Notes:
    """The draws of an augmentation for one image: a row for the colour of the whole image, then one row per crop."""

    def __init__(self) -> None:
        self.rows: list[dict] = [{}]
        # The two global crops that local crops may be cut from.
        self._bases: list = []

    def restart(self) -> None:
        """Forgets the last image."""
        self.rows, self._bases = [{}], []

    def note(self, **values: int) -> None:
        """Adds to the row of the current crop."""
        self.rows[-1].update(values)

    def watch(self, made, subset: bool) -> None:
        """Makes an augmentation begin a row for each crop: when it cuts the crop or, in `subset`, when it changes the
        crop's colours, since the local crops are then cut last, from one of the global crops."""
        cut_global, cut_local = made.geometric_augmentation_global, made.geometric_augmentation_local
        change_local = made.local_transfo

        def base(image):
            self.rows.append({})
            self._bases.append(cut_global(image))
            return self._bases[-1]

        def local(image):
            self.rows.append({})
            return cut_local(image)

        def within(image):
            number = next(n for n, other in enumerate(self._bases) if other is image)
            self.rows.append({"height": number})
            return change_local(image)

        made.geometric_augmentation_global, made.geometric_augmentation_local = base, local
        if subset:
            made.local_transfo = within

    def table(self, offsets) -> list[list[int]]:
        """The rows [3 + local crops, 14]; `offsets` are the offsets of local crops within their global crops."""
        for row, (top, left) in zip(self.rows[3:], offsets):
            row.update(top=int(top), left=int(left))
        return [[row.get(column, 0) for column in COLUMNS] for row in self.rows]


@contextmanager
def replaced(owner, name: str, value):
    """A context in which an attribute of a class is `value`."""
    original = getattr(owner, name)
    setattr(owner, name, value)
    try:
        yield
    finally:
        setattr(owner, name, original)


@contextmanager
def noted(notes: Notes):
    """A context in which torchvision's random transforms record their parameters and leave the pixels unchanged. A crop
    becomes one pixel, a new object each time; no later draw depends on it."""
    from PIL import Image
    from torchvision.transforms import v2

    def crop(_, _image, drawn):
        notes.note(**{key: int(drawn[key]) for key in ("top", "left", "height", "width")})
        return Image.new("RGB", (1, 1))

    def jitter(_, image, drawn):
        order = int("".join(str(int(place)) for place in drawn["fn_idx"]))
        factors = float_bits([drawn[f"{name}_factor"] for name in FACTORS])
        notes.note(jittered=1, order=order, **{name: int(bits) for name, bits in zip(FACTORS, factors)})
        return image

    def blur(_, image, drawn):
        notes.note(sigma=int(float_bits(drawn["sigma"][0])))
        return image

    def flag(name):
        def mark(_, image, _drawn):
            notes.note(**{name: 1})
            return image
        return mark

    instead = {
        v2.RandomResizedCrop: crop, v2.ColorJitter: jitter, v2.GaussianBlur: blur, v2.RandomHorizontalFlip: flag("flipped"),
        v2.RandomGrayscale: flag("grey"), v2.RandomSolarize: flag("solarised"),
    }
    with ExitStack() as stack:
        for owner, transform in instead.items():
            stack.enter_context(replaced(owner, "transform", transform))
        yield


def parameters(seed: int, config: Callable) -> Iterator[tuple[str, torch.Tensor]]:
    """Yields (name, I64 [images, 3 + local crops, 14]) of each case. `config` merges overrides into the recipe's config."""
    from dinov3.utils import fix_random_seeds
    from PIL import Image

    images = [Image.new("RGB", size) for size in SIZES]
    for number, (case, (overrides, count)) in enumerate(PARAMETERS.items()):
        cfg, notes = config(overrides), Notes()
        made = augmentation(cfg)
        notes.watch(made, cfg.crops.localcrops_subset_of_globalcrops)
        tables = []
        fix_random_seeds(seed + 4321 + number)
        with noted(notes):
            for i in range(count):
                notes.restart()
                offsets = made(images[i % len(images)])["offsets"]
                tables.append(notes.table(offsets))
        yield f"parameters.{case}", torch.tensor(tables, dtype=torch.int64)


def masks(seed: int, config: Callable) -> Iterator[tuple[str, torch.Tensor]]:
    """Yields of each case `masks.<case>` BOOL [all masks, patches], then of all its batches `.upperbound` I64 [batches],
    `.indices` I64 (within their batch) and `.weights`, float32 numbers as bits in I64."""
    from dinov3.data import collate_data_and_cast
    from dinov3.utils import fix_random_seeds

    pixel = torch.zeros(3, 1, 1)
    for number, (case, (size, patch, batch, batches, options)) in enumerate(MASKS.items()):
        cfg = config((f"crops.global_crops_size={size}", f"student.patch_size={patch}"))
        generator, tokens = mask_generator(cfg)
        samples = [({"global_crops": [pixel, pixel], "local_crops": [pixel]}, ())] * batch
        collated = []
        fix_random_seeds(seed + 99 + number)
        for _ in range(batches):
            collated.append(collate_data_and_cast(
                samples, mask_ratio_tuple=cfg.ibot.mask_ratio_min_max, mask_probability=cfg.ibot.mask_sample_probability,
                dtype=torch.float32, n_tokens=tokens, mask_generator=generator,
                **{"random_circular_shift": cfg.ibot.mask_random_circular_shift, **options},
            ))
        yield f"masks.{case}", torch.cat([found["collated_masks"] for found in collated])
        yield f"masks.{case}.upperbound", torch.tensor([found["upperbound"] for found in collated])
        yield f"masks.{case}.indices", torch.cat([found["mask_indices_list"] for found in collated])
        weights = torch.cat([found["masks_weight"] for found in collated])
        yield f"masks.{case}.weights", torch.from_numpy(float_bits(weights.numpy()))
