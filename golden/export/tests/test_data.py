"""The battery of data: what the committed set holds, how parameters are noted, and what loaders draw."""

import csv
import hashlib
import importlib.util
import io
import json
import random
import tempfile
import unittest
from pathlib import Path
from types import SimpleNamespace

from dinov3_export import ExportError, cli
from tests.test_committed import tensors

SET = cli.GOLDEN / "sets" / "data"
# The side of the global crops of each batch from loaders of two sizes.
ORDER = [32, 32, 32, 32, 48, 32]
HAS_TORCH = all(importlib.util.find_spec(name) is not None for name in ("torch", "numpy"))
HAS_TORCHVISION = HAS_TORCH and importlib.util.find_spec("torchvision") is not None


def records() -> dict[str, dict]:
    """The committed set's records by the names of its entries."""
    entries = json.loads((SET / "manifest.json").read_text(encoding="utf-8"))["entries"]
    return {entry["name"]: entry["records"]["fp32"] for entry in entries}


@unittest.skipUnless(SET.is_dir(), "the set data is not here")
class CommittedTest(unittest.TestCase):
    def setUp(self):
        self.inputs = {name: data for name, (_, data) in tensors(SET / "inputs.safetensors").items()}

    def test_it_is_small_and_holds_digests_alone(self):
        self.assertLess(sum(path.stat().st_size for path in SET.iterdir()), 1_000_000)
        self.assertEqual({record["storage"] for record in records().values()}, {"digest"})
        self.assertEqual(tensors(SET / "fp32.safetensors"), {})

    def test_the_photographs_are_the_committed_ones_and_the_odd_files_are_small(self):
        recipe = json.loads((SET / "manifest.json").read_text(encoding="utf-8"))["recipe"]
        files = {name.removeprefix("file."): data for name, data in self.inputs.items() if name.startswith("file.")}
        for photograph in recipe["photographs"]:
            self.assertEqual(hashlib.sha256(files.pop(photograph["file"])).hexdigest(), photograph["sha256"])
        for name, data in files.items():
            self.assertLess(len(data), 10_000, name)
            self.assertEqual(data[:2], b"\x89P" if name.startswith("png_") else b"\xff\xd8", name)
        self.assertIn(b"Adobe", files["cmyk.jpg"])
        self.assertIn(b"\xff\xdd", files["restart.jpg"])
        self.assertIn(b"\xff\xc2", files["progressive.jpg"])

    def test_every_folder_of_the_tree_has_a_label(self):
        rows = list(csv.reader(io.StringIO(self.inputs["tables.labels"].decode(), newline="")))
        self.assertEqual({len(row) for row in rows}, {2})
        paths = [line.split("/") for line in self.inputs["tables.tree"].decode().split("\n")]
        self.assertLessEqual({path[-2] for path in paths if len(path) > 2}, {row[0] for row in rows})
        self.assertEqual({path[0] for path in paths}, {"train", "val"})

    def test_every_box_factor_and_sigma_has_its_entry(self):
        found = records()
        for kind, count in (("crop", 14), ("brightness", 4), ("contrast", 4), ("saturation", 4), ("hue", 4), ("blurred", 4)):
            names = [name for name in found if name.startswith(f"data:pixels.{kind}.")]
            self.assertEqual(names, [f"data:pixels.{kind}.{index}" for index in range(count)])
        self.assertEqual(len(self.inputs["pixels.crops"]), 14 * 6 * 8)

    def test_every_batch_of_the_loaders_has_its_masks_and_their_indices(self):
        found = records()
        names = [name.removeprefix("data:loader.") for name in found if name.startswith("data:loader.")]
        for case, sides in (("plain", [32] * 5), ("resumed", [32] * 5), ("sharded", [32] * 5), ("resolutions", ORDER)):
            for index, side in enumerate(sides):
                batch = f"data:loader.{case}.{index}"
                self.assertEqual(found[f"{batch}.global"]["shape"], [6, 3, side, side])
                self.assertEqual(found[f"{batch}.local"]["shape"], [12, 3, side // 2, side // 2])
                masked = found[f"{batch}.masks"]["stats"]["mean"] * 6 * (side // 8) ** 2
                self.assertEqual(found[f"{batch}.indices"]["shape"], [round(masked)])
        self.assertEqual(len(names), 3 * 5 * 4 + 6 * 5 + 1)
        self.assertEqual(len({found[f"data:loader.{name}"]["sha256"] for name in names if name.endswith(".local")}), 21)

    def test_the_order_of_the_sizes_is_that_of_the_batches(self):
        order = hashlib.sha256(b"".join(side.to_bytes(8, "little") for side in ORDER)).hexdigest()
        self.assertEqual(records()["data:loader.resolutions.order"]["sha256"], order)

    def test_the_loaders_read_every_photograph_of_every_class(self):
        paths = self.inputs["loader.tree"].decode().split("\n")
        self.assertEqual((len(paths), paths), (15, sorted(paths)))
        rows = [line.split(",") for line in self.inputs["loader.labels"].decode().splitlines()]
        self.assertEqual([row[0] for row in rows], sorted({path.split("/")[1] for path in paths}))

    @unittest.skipUnless(HAS_TORCH, "needs torch")
    def test_the_streams_are_drawn_again(self):
        import numpy
        import torch
        from dinov3_export import data_streams
        from dinov3_export.entries import _bytes

        found = records()
        for name, draws in data_streams._cases().items():
            torch.manual_seed(1234)
            numpy.random.seed(1234)
            random.seed(1234)
            drawn = data_streams.integers(draws())
            self.assertEqual(drawn.shape, (data_streams.DRAWS,), name)
            self.assertEqual(hashlib.sha256(_bytes(drawn)).hexdigest(), found[f"data:rng.{name}"]["sha256"], name)


@unittest.skipUnless(HAS_TORCH, "needs torch")
class BitsTest(unittest.TestCase):
    def test_bits_are_unsigned_of_float32_and_signed_of_float64(self):
        from dinov3_export.data_streams import double_bits, float_bits

        self.assertEqual(float_bits([1.0, -0.0, -0.1]).tolist(), [0x3F800000, 0x80000000, 0xBDCCCCCD])
        self.assertEqual(double_bits([1.0, -0.0]).tolist(), [0x3FF0000000000000, -(2**63)])

    def test_inputs_of_another_kind_of_set_are_refused(self):
        from dinov3_export import data

        with self.assertRaisesRegex(ExportError, "no file.a.jpg"):
            data._check({}, ["a.jpg"])


@unittest.skipUnless(HAS_TORCH, "needs torch")
class LoadersTest(unittest.TestCase):
    def drawn(self, loaders: int, draws: int):
        import torch
        from dinov3_export.data_loaders import _one_draw_a_loader

        return _one_draw_a_loader(loaders, lambda: torch.manual_seed(3), lambda: [torch.rand(()) for _ in range(draws)])

    def test_a_loader_draws_its_workers_seed_and_nothing_else(self):
        import torch
        from dinov3_export.data_loaders import _one_draw_a_loader
        from torch.utils.data import DataLoader

        def take():
            return [next(iter(DataLoader(range(4), batch_size=2))).tolist() for _ in range(2)]

        self.assertEqual(_one_draw_a_loader(2, lambda: torch.manual_seed(3), take), [[0, 1], [0, 1]])
        # A seed takes two words of the stream, a number in [0, 1) takes one.
        for loaders, draws in ((1, 0), (1, 1), (2, 5)):
            with self.assertRaisesRegex(ExportError, "something else than their workers' seeds"):
                self.drawn(loaders, draws)

    def test_file_k_is_photograph_k_modulo_their_number(self):
        from dinov3_export import data_loaders
        from dinov3_export.data_pixels import as_bytes

        names = ["a.jpg", "b.jpg", "c.jpg", "d.jpg"]
        stored = {**data_loaders.inputs(), **{f"file.{name}": as_bytes(name.encode()) for name in names}}
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder)
            self.assertEqual(data_loaders._plant(stored, names, root), 15)
            self.assertEqual((root / "labels.txt").read_text().splitlines()[2], "n01000002,class 2")
            found = [path.read_text() for path in sorted(root.glob("train/*/*.JPEG"))]
        self.assertEqual(found, [names[k % 4] for k in range(15)])


@unittest.skipUnless(HAS_TORCHVISION, "needs torchvision")
class NotesTest(unittest.TestCase):
    """On a stand-in for the reference's augmentation, with two local crops and torchvision's own classes."""

    def noted(self, subset: bool, offsets=()) -> list[dict]:
        from dinov3_export.data_draws import COLUMNS, Notes, noted
        from PIL import Image
        from torchvision.transforms import v2

        crop = v2.RandomResizedCrop(8)
        always = v2.Compose([v2.ColorJitter(hue=(0.25, 0.25)), v2.GaussianBlur(9, 0.5), v2.RandomSolarize(128, p=1.0)])
        made = SimpleNamespace(
            geometric_augmentation_global=v2.Compose([crop, v2.RandomHorizontalFlip(p=1.0)]),
            geometric_augmentation_local=v2.Compose([crop, v2.RandomHorizontalFlip(p=0.0)]), local_transfo=always,
        )
        notes, image = Notes(), Image.new("RGB", (5, 4))
        notes.watch(made, subset)
        for _ in range(2):
            notes.restart()
            with noted(notes):
                v2.RandomGrayscale(p=1.0)(image)
                bases = [made.geometric_augmentation_global(image) for _ in range(2)]
                for base in bases:
                    made.local_transfo(base if subset else made.geometric_augmentation_local(image))
        return [dict(zip(COLUMNS, row)) for row in notes.table(offsets)]

    def check_colours(self, row: dict):
        self.assertEqual((row["jittered"], row["solarised"], row["sigma"]), (1, 1, 0x3F000000))
        self.assertEqual(sorted(f"{row['order']:04d}"), list("0123"))
        self.assertEqual(row["hue"], 0x3E800000)

    def test_a_crop_has_a_row_of_what_was_drawn_for_it(self):
        whole, *crops = self.noted(subset=False)
        self.assertEqual(sum(whole.values()), whole["grey"])
        self.assertEqual((whole["grey"], len(crops)), (1, 4))
        for row, flipped in zip(crops, (1, 1, 0, 0)):
            self.assertEqual(row["flipped"], flipped)
            self.assertTrue(0 < row["height"] <= 4 and 0 < row["width"] <= 5 and row["grey"] == 0)
        self.assertEqual([row["jittered"] for row in crops], [0, 0, 1, 1])
        self.check_colours(crops[3])

    def test_a_crop_of_a_crop_has_its_offset_and_the_number_of_that_crop(self):
        rows = self.noted(subset=True, offsets=((16, 32), (48, 0)))
        self.assertEqual([[row[key] for key in ("top", "left", "height", "width", "flipped")] for row in rows[3:]],
                         [[16, 32, 0, 0, 0], [48, 0, 1, 0, 0]])
        self.check_colours(rows[4])

    def test_torchvision_is_as_it_was_afterwards(self):
        from torchvision.transforms import v2

        before = v2.GaussianBlur.transform
        self.noted(subset=False)
        self.assertIs(v2.GaussianBlur.transform, before)


if __name__ == "__main__":
    unittest.main()
