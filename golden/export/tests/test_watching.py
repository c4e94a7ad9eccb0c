"""A step of somebody's own script, watched: a whole script over the reference where one is given, parts of it elsewhere."""

import importlib.util
import json
import os
import tempfile
import unittest
from pathlib import Path

from dinov3_export import ExportError, cli
from tests import reference

HAS_TORCH = importlib.util.find_spec("torch") is not None


@reference.needed
class ScriptTest(unittest.TestCase):
    def test_a_script_of_somebody_s_own_records_the_step_of_a_golden_set(self):
        with tempfile.TemporaryDirectory() as out:
            golden = cli.SETS / "train_micro_10"
            done = reference.run("tests/training_script.py", os.environ["DINOV3_REFERENCE"], golden, out, pinned=True)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertIn("train_micro_10: one step at fp32 written", done.stderr)
            mine, recorded = (json.loads((folder / "manifest.json").read_text()) for folder in (Path(out) / golden.name, golden))
            self.assertTrue(mine["recorder"]["watched"])
            self.assertEqual((mine["recorder"]["mode"], mine["checkout"]["clean"]), ("eager", True))
            hashes = [{e["name"]: e["records"]["fp32"]["sha256"] for e in m["entries"] if "fp32" in e["records"]} for m in (mine, recorded)]
            self.assertEqual(list(hashes[0]), list(hashes[1]))
            if mine["precisions"]["fp32"]["fingerprint"] == recorded["precisions"]["fp32"]["fingerprint"]:
                self.assertEqual(hashes[0], hashes[1])


@unittest.skipUnless(HAS_TORCH, "needs torch")
class PlacesTest(unittest.TestCase):
    """Modules of any class, at the paths where a golden set has tensors."""

    def networks(self):
        import torch
        from torch import nn

        class Odd(nn.Module):
            def __init__(self):
                super().__init__()
                self.inner = nn.Linear(2, 2)

            def rotate(self, x):
                return [x, x + 1]

            def forward(self, x):
                return self.inner(self.rotate(x)[0])

        torch.manual_seed(0)
        return {"student": nn.ModuleDict({"blocks": nn.ModuleList([Odd()])})}

    def manifest(self, *names: str) -> dict:
        return {"entries": [{"name": name, "stage": "forward", "records": {"fp32": {}}} for name in names]}

    def seen(self, networks: dict, *names: str) -> tuple[list[str], list[str]]:
        import torch
        from dinov3_export.places import Places

        places, found = Places(networks, self.manifest(*names), "fp32"), []
        with places.watching(lambda name, *_: found.append(name), "cpu"):
            networks["student"]["blocks"][0](torch.ones(1, 2, requires_grad=True)).sum().backward()
        gradients = [name for name, _ in places.gradients()]
        before = len(found)
        networks["student"]["blocks"][0](torch.ones(1, 2))
        self.assertEqual(len(found), before, "the hooks are gone")
        return found, gradients

    def test_modules_methods_and_inputs(self):
        names = ("student.blocks.0", "student.blocks.0.inner", "student.blocks.0.inner:in", "student.blocks.0.rotate:0",
                 "student.blocks.0.rotate:1", "student.nowhere")
        found, gradients = self.seen(self.networks(), *names)
        self.assertEqual(found, ["student.blocks.0.rotate:0", "student.blocks.0.rotate:1", "student.blocks.0.inner:in",
                                 "student.blocks.0.inner", "student.blocks.0"])
        # The second output of the rotation goes nowhere.
        self.assertEqual(gradients, [f"gradout:{name}" for name in ("student.blocks.0", "student.blocks.0.inner",
                                                                    "student.blocks.0.rotate:0")])

    def test_a_compiled_module_is_watched_from_outside(self):
        networks = self.networks()
        networks["student"]["blocks"][0].compile(backend="eager")
        found, _ = self.seen(networks, "student.blocks.0", "student.blocks.0.inner")
        self.assertEqual(found, ["student.blocks.0"])

    def test_wrappers_do_not_change_a_path(self):
        from dinov3_export.places import plain

        self.assertEqual(plain("backbone._orig_mod.blocks.0._checkpoint_wrapped_module.norm1"), "backbone.blocks.0.norm1")


@unittest.skipUnless(HAS_TORCH, "needs torch")
class RefusedTest(unittest.TestCase):
    def test_what_cannot_be_watched_is_refused(self):
        from dinov3_export import watch
        from torch import nn

        for name, model, precision, text in (
            ("micro", nn.Module(), "fp32", "no set of training steps"),
            ("train_gram_load", nn.Module(), "bf16", "not recorded at bf16"),
            ("train_micro", nn.Module(), "fp32", "starts from the seed"),
            ("train_ranks", nn.Module(), "fp32", "starts from the seed"),
            ("train_micro_10", nn.Module(), "fp32", "no network `student`"),
        ):
            with self.assertRaisesRegex(ExportError, text) as caught:
                watch(model, None, cli.SETS / name, "nowhere", precision)
            self.assertTrue(caught.exception.hint)


if __name__ == "__main__":
    unittest.main()
