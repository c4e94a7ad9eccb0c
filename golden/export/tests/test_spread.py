"""The largest error over several runs, compared with the truth entry by entry."""

import importlib.util
import json
import math
import struct
import tempfile
import unittest
from pathlib import Path

from dinov3_export import ExportError
from dinov3_export.recipe import Recipe

HAS_NUMPY = importlib.util.find_spec("numpy") is not None
HAS_TORCH = importlib.util.find_spec("torch") is not None


def write_truth(folder: Path, tensors: dict[str, list[float]]) -> None:
    """What a recording process leaves of the truth; an entry of an earlier stage stands before those of the forward."""
    header, data = {}, b""
    entries = [{"name": "param:x", "stage": "init", "record": {"storage": "digest"}}]
    for name, values in tensors.items():
        raw = struct.pack(f"<{len(values)}d", *values)
        header[name] = {"dtype": "F64", "shape": [len(values)], "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
        entries.append({"name": name, "stage": "forward", "record": {"tensor": name}})
    text = json.dumps(header).encode()
    (folder / "truth.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + data)
    (folder / "truth.json").write_text(json.dumps({"entries": entries}))


@unittest.skipUnless(HAS_NUMPY, "needs NumPy")
class SpreadTest(unittest.TestCase):
    def spread(self, truth: dict[str, list[float]], *runs: dict[str, list[float]], dtype: str = "F32"):
        import numpy as np
        from dinov3_export.spread import Spread

        with tempfile.TemporaryDirectory() as folder:
            write_truth(Path(folder), truth)
            spread = Spread(Path(folder))
            for run in runs:
                for name, values in run.items():
                    spread.see(name, dtype, np.array(values, dtype=np.float64))
                spread.end_run()
        return spread

    def test_each_figure_is_the_largest_of_the_runs(self):
        # ‖truth‖ = 5, rms = 2.5. One run is worst in the norm, another in its largest element.
        truth = {"a": [3.0, 4.0, 0.0, 0.0]}
        runs = [{"a": [4.0, 5.0, 1.0, 1.0]}, {"a": [3.0, 4.0, 0.0, 1.5]}, {"a": [3.0, 4.0, 0.0, 0.0]}]
        self.assertEqual(self.spread(truth, *runs).of("a"), {"runs": 3, "rel_l2": 2.0 / 5.0, "rel_max": 1.5 / 2.5})
        self.assertEqual(self.spread(truth, runs[2]).of("a"), {"runs": 1, "rel_l2": 0.0, "rel_max": 0.0})

    def test_what_cannot_be_compared_has_none(self):
        self.assertIsNone(self.spread({"a": []}, {"a": []}).of("a"))
        self.assertIsNone(self.spread({"a": [0.0]}, {"a": [1.0]}).of("a"))
        self.assertIsNone(self.spread({"a": [math.inf]}, {"a": [math.inf]}).of("a"))
        self.assertIsNone(self.spread({"a": [1.0]}, {"a": [1.0]}, dtype="I64").of("a"))
        self.assertIsNone(self.spread({"a": [1.0]}).of("a"))
        # One run that is not finite leaves nothing to say, before a finite one or after.
        for runs in ([[1.0], [math.nan]], [[math.nan], [1.0]]):
            self.assertIsNone(self.spread({"a": [1.0]}, *({"a": values} for values in runs)).of("a"))

    def test_a_run_that_is_another_experiment_is_refused(self):
        truth = {"a": [1.0], "b": [2.0]}
        for run in ({"b": [2.0]}, {"a": [1.0]}, {"a": [1.0], "b": [2.0], "c": [1.0]}, {"a": [1.0, 1.0]}):
            with self.assertRaises(ExportError):
                self.spread(truth, run)
        with self.assertRaisesRegex(ExportError, "drew another a"):
            self.spread({"a": [1.0]}, {"a": [2.0]}, dtype="I64")


    def test_of_training_steps_what_rounding_decides_is_looked_at(self):
        import numpy as np
        from dinov3_export.spread import Spread

        with tempfile.TemporaryDirectory() as folder:
            write_truth(Path(folder), {"loss:x": [1.0], "groups:lr": [1.0], "schedule:lr": [1.0], "final:x": [1.0]})
            path = Path(folder) / "truth.json"
            entries = json.loads(path.read_text())["entries"]
            for entry, stage in zip(entries[1:], ("loss", "optimizer", "schedule", "trajectory")):
                entry["stage"] = stage
            path.write_text(json.dumps({"entries": entries}))
            spread = Spread(Path(folder))
            spread.see("loss:x", "F32", np.array([1.5]))
            spread.end_run()
        self.assertEqual(spread.of("loss:x"), {"runs": 1, "rel_l2": 0.5, "rel_max": 0.5})


class WhenTest(unittest.TestCase):
    def test_only_fp32_beside_its_truth_has_replicas(self):
        recipe = Recipe(name="a", description="", precisions=("truth", "fp32", "bf16"), replicas=3)
        for precision, recorded, expected in (
            ("fp32", ["truth", "fp32"], 3), ("truth", ["truth", "fp32"], 0), ("bf16", ["truth", "bf16"], 0),
            ("fp32", ["fp32", "bf16"], 0),
        ):
            self.assertEqual(recipe.replicas_of(precision, recorded), expected, (precision, recorded))
        battery = Recipe(name="a", description="", stages=("loss",), loss_battery=1)
        self.assertEqual(battery.replicas_of("fp32", ["truth", "fp32"]), 8)
        self.assertEqual(Recipe(name="a", description="", stages=("init",)).replicas_of("fp32", ["truth", "fp32"]), 0)
        with self.assertRaisesRegex(ExportError, "replicas"):
            Recipe(name="a", description="", replicas=-1)


@unittest.skipUnless(HAS_TORCH, "needs torch")
class MovedTest(unittest.TestCase):
    def test_every_number_moves_by_one_or_two_ulps_and_the_seed_decides_which_way(self):
        import torch
        from dinov3_export.replicas import moved

        values = torch.linspace(1.0, 7.9, 999) * torch.tensor([1.0, -1.0, 1e-3]).repeat(333)
        one, again, other = (moved(values, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2))
        self.assertTrue(torch.equal(one, again))
        self.assertFalse(torch.equal(one, other))
        steps = (one.view(torch.int32) - values.view(torch.int32)).abs()
        self.assertEqual((int(steps.min()), int(steps.max())), (1, 2))
        up = (one.abs() > values.abs()).float().mean()
        self.assertTrue(0.4 < up < 0.6, up)
        self.assertTrue(torch.equal(moved(torch.zeros(3), torch.Generator()), torch.zeros(3)))

    def test_every_replica_starts_from_what_was_there_at_first(self):
        import torch
        from dinov3_export.replicas import Replicas

        def weights(disturbed: bool):
            network = torch.nn.Linear(2, 3)
            with torch.no_grad():
                for parameter in network.parameters():
                    parameter.fill_(1.0)
            found = []
            for fed in Replicas([network], 5, 2).runs({"global_crops": torch.ones(4), "masks": torch.ones(2)}):
                found.append((network.weight.detach().clone(), fed["global_crops"]))
                self.assertTrue(torch.equal(fed["masks"], torch.ones(2)))
                with torch.no_grad():
                    network.weight.mul_(7.0 if disturbed else 1.0)
            return found

        for (one, crops), (other, others) in zip(weights(False), weights(True)):
            self.assertTrue(torch.equal(one, other) and torch.equal(crops, others))
            self.assertFalse(torch.equal(one, torch.ones_like(one)))


if __name__ == "__main__":
    unittest.main()
