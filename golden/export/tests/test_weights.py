"""Weights, buffers and draws that are brought from elsewhere."""

import importlib.util
import json
import struct
import tempfile
import unittest
from pathlib import Path

from dinov3_export import ExportError, sources
from dinov3_export.recipe import Recipe

HAS_TORCH = importlib.util.find_spec("torch") is not None
HAS_NUMPY = importlib.util.find_spec("numpy") is not None


@unittest.skipUnless(HAS_NUMPY, "needs NumPy")
class SourcesTest(unittest.TestCase):
    def setUp(self):
        self._folder = tempfile.TemporaryDirectory()
        self.path = Path(self._folder.name).resolve()
        header = json.dumps({"__metadata__": {"set": "micro"}}).encode()
        (self.path / "weights").write_bytes(struct.pack("<Q", len(header)) + header)
        self.set("micro")

    def tearDown(self):
        self._folder.cleanup()

    def set(self, name: str, folder: Path | None = None, **recipe):
        """A set with nothing but a recipe."""
        target = (folder or self.path) / name
        target.mkdir(parents=True)
        recorded = {"config_file": None, "overrides": [], "seed": 0, "world_size": 1, "batch_size": 2, "warm": 0.0,
                    "photographs": [], "intermediate": None, **recipe}
        (target / "manifest.json").write_text(json.dumps({"name": name, "recipe": recorded}))

    def sources(self, *names: str, recipe: str = "micro", **options):
        found = sources.find(Recipe(name=recipe, description="", **options), [self.path / name for name in names])
        return found.folder, found.weights

    def test_a_folder_is_a_set_and_a_file_holds_weights(self):
        self.assertEqual(self.sources(), (None, None))
        self.assertEqual(self.sources("micro"), (self.path / "micro", None))
        self.assertEqual(self.sources("weights", "micro"), (self.path / "micro", self.path / "weights"))

    def test_a_folder_gives_the_set_and_the_file_of_the_same_name(self):
        self.set("other")
        self.assertEqual(self.sources("."), (self.path / "micro", None))
        (self.path / "weights").rename(self.path / "micro.weights.safetensors")
        self.assertEqual(self.sources("."), (self.path / "micro", self.path / "micro.weights.safetensors"))
        with self.assertRaisesRegex(ExportError, "neither a set opt_rope nor a file opt_rope.weights.safetensors"):
            self.sources(".", recipe="opt_rope")

    def test_what_does_not_fit_is_refused(self):
        for names, recipe, text in [
            (("micro", "micro"), "micro", "one set and one file"),
            (("weights",), "micro", "no set"),
            (("micro", "nowhere"), "micro", "no such set or file"),
            (("micro", "weights"), "opt_rope", "holds what micro starts from, not opt_rope"),
        ]:
            with self.assertRaisesRegex(ExportError, text) as caught:
                self.sources(*names, recipe=recipe)
            self.assertTrue(caught.exception.hint)

    def test_another_recipe_is_refused_and_the_difference_named(self):
        steps = {"iteration": 1, "steps": 1, "batches": 2, "updates": 1}
        stages = ("loss", "backward")
        for options, text in [
            ({"overrides": ("a=1",)}, "a=1 here"),
            ({"seed": 7}, "seed: 0 there, 7 here"),
            ({"batch_size": 4}, "batch_size: 2 there, 4 here"),
            ({"training": steps, "stages": stages}, "training: null there"),
            ({"loss_battery": 1, "stages": stages}, "loss_battery: null there, 1 here"),
        ]:
            with self.assertRaisesRegex(ExportError, f"not a recording of micro: .*{text}"):
                self.sources("micro", **options)
        self.set("steps", training={**steps, "state": True, "teacher_config": None}, overrides=["a=1", "b=2"])
        same = {"training": steps, "stages": stages, "recipe": "steps"}
        self.assertEqual(self.sources("steps", overrides=("a=1", "b=2"), **same), (self.path / "steps", None))
        with self.assertRaisesRegex(ExportError, "b=2 there"):
            self.sources("steps", overrides=("a=1",), **same)
        with self.assertRaisesRegex(ExportError, "another order"):
            self.sources("steps", overrides=("b=2", "a=1"), **same)

    def test_a_state_that_a_trajectory_kept_is_for_its_recipes(self):
        (self.path / "state.5").mkdir()
        (self.path / "state.5" / "manifest.json").write_text(json.dumps({"recipe": {"photographs": []}}))
        steps = {"iteration": 5, "steps": 1, "batches": 1, "updates": 5}
        kept = {"training": steps, "stages": ("loss", "backward"), "state_of": "t"}
        self.assertEqual(self.sources("state.5", **kept), (self.path / "state.5", None))
        with self.assertRaisesRegex(ExportError, "a state that a trajectory kept"):
            self.sources("state.5")


@unittest.skipUnless(HAS_TORCH and HAS_NUMPY, "needs torch")
class BroughtTest(unittest.TestCase):
    def setUp(self):
        import torch

        self._folder = tempfile.TemporaryDirectory()
        self.torch = torch
        self.network = torch.nn.Linear(2, 2)
        self.network.register_buffer("periods", torch.ones(3, dtype=torch.bfloat16))

    def tearDown(self):
        self._folder.cleanup()

    def brought(self, student=0, **tensors):
        from dinov3_export.weights import Brought
        from safetensors.torch import save_file

        path = Path(self._folder.name) / "weights"
        save_file({name.replace("_OF_", "."): tensor for name, tensor in tensors.items()}, path)
        return Brought(path, student)

    def state(self, value: float, root: str = "student") -> dict:
        return {f"{root}.{name}".replace(".", "_OF_"): self.torch.full_like(tensor, value)
                for name, tensor in self.network.state_dict().items()}

    def test_parameters_and_buffers_are_overwritten(self):
        brought = self.brought(**self.state(3.0), **self.state(2.0, "init.student"), **self.state(4.0, "teacher"))
        for networks, initial, value in [({"student": self.network}, True, 2.0), ({"student": self.network}, False, 3.0),
                                         ({"model_ema": self.network}, False, 4.0)]:
            brought.fill(networks, initial)
            self.assertTrue(all((tensor == value).all() for tensor in self.network.state_dict().values()))

    def test_another_of_several_students_takes_the_shared_teacher_alone(self):
        before = {name: tensor.clone() for name, tensor in self.network.state_dict().items()}
        brought = self.brought(1, **self.state(3.0), **self.state(4.0, "distilled"))
        brought.fill({"student": self.network, "model_ema": self.network})
        self.assertTrue(all((tensor == before[name]).all() for name, tensor in self.network.state_dict().items()))
        brought.fill({"student": self.network, "teacher": self.network})
        self.assertTrue(all((tensor == 4.0).all() for tensor in self.network.state_dict().values()))

    def test_other_names_shapes_and_types_are_refused(self):
        state = self.state(1.0)
        for name, tensor in [("student_OF_more", self.torch.ones(1)), ("student_OF_bias", self.torch.ones(3)),
                             ("student_OF_periods", self.torch.ones(3))]:
            with self.assertRaisesRegex(ExportError, name.partition("_OF_")[2]):
                self.brought(**{**state, name: tensor}).fill({"student": self.network})

    def test_draws_are_the_brought_ones_and_the_stream_moves_on(self):
        torch = self.torch
        permutation, numbers = torch.tensor([2, 0, 1]), torch.tensor([7.0, 8.0], dtype=torch.bfloat16)
        brought = self.brought(randperm_OF_0=permutation, uniform_OF_0=numbers)
        before = torch.randperm, torch.Tensor.uniform_
        torch.manual_seed(0)
        torch.randperm(3), torch.empty(2, dtype=torch.bfloat16).uniform_(-1, 1)
        after = torch.rand(1)
        torch.manual_seed(0)
        with brought.draws():
            self.assertTrue(torch.equal(torch.randperm(3), permutation))
            self.assertTrue(torch.equal(torch.empty(2, dtype=torch.bfloat16).uniform_(-1, 1), numbers))
        self.assertTrue(torch.equal(torch.rand(1), after))
        self.assertEqual((torch.randperm, torch.Tensor.uniform_), before)

    def test_more_fewer_and_other_draws_are_refused(self):
        torch = self.torch
        brought = self.brought(randperm_OF_0=torch.tensor([2, 0, 1]))
        with self.assertRaisesRegex(ExportError, "draw 0 of randperm"), brought.draws():
            torch.randperm(4)
        with self.assertRaisesRegex(ExportError, "draw 1 of randperm"), brought.draws():
            torch.randperm(3), torch.randperm(3)
        with self.assertRaisesRegex(ExportError, "drew less"), brought.draws():
            pass
        with brought.draws():
            torch.randperm(3)
            # No number was brought, so numbers are drawn.
            self.assertTrue((torch.empty(2).uniform_(1, 2) >= 1).all())


if __name__ == "__main__":
    unittest.main()
