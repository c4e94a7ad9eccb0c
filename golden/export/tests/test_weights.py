"""Weights, buffers and draws that are brought from elsewhere."""

import importlib.util
import json
import struct
import tempfile
import unittest
from pathlib import Path
from types import SimpleNamespace

from dinov3_export import ExportError, cli

HAS_TORCH = importlib.util.find_spec("torch") is not None
HAS_NUMPY = importlib.util.find_spec("numpy") is not None


@unittest.skipUnless(HAS_NUMPY, "needs NumPy")
class SourcesTest(unittest.TestCase):
    def setUp(self):
        self._folder = tempfile.TemporaryDirectory()
        self.path = Path(self._folder.name).resolve()
        header = json.dumps({"__metadata__": {"set": "micro"}}).encode()
        (self.path / "weights").write_bytes(struct.pack("<Q", len(header)) + header)
        (self.path / "micro").mkdir()

    def tearDown(self):
        self._folder.cleanup()

    def sources(self, *names: str, recipe: str = "micro"):
        return cli._sources(SimpleNamespace(name=recipe), [self.path / name for name in names])

    def test_a_folder_is_a_set_and_a_file_holds_weights(self):
        self.assertEqual(self.sources(), (None, None))
        self.assertEqual(self.sources("micro"), (self.path / "micro", None))
        self.assertEqual(self.sources("weights", "micro"), (self.path / "micro", self.path / "weights"))

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

    def brought(self, **tensors):
        from dinov3_export.weights import Brought
        from safetensors.torch import save_file

        path = Path(self._folder.name) / "weights"
        save_file({name.replace("_OF_", "."): tensor for name, tensor in tensors.items()}, path)
        return Brought(path)

    def state(self, value: float, root: str = "student") -> dict:
        return {f"{root}.{name}".replace(".", "_OF_"): self.torch.full_like(tensor, value)
                for name, tensor in self.network.state_dict().items()}

    def test_parameters_and_buffers_are_overwritten(self):
        brought = self.brought(**self.state(3.0), **self.state(2.0, "init.student"), **self.state(4.0, "teacher"))
        for networks, initial, value in [({"student": self.network}, True, 2.0), ({"student": self.network}, False, 3.0),
                                         ({"model_ema": self.network}, False, 4.0)]:
            brought.fill(networks, initial)
            self.assertTrue(all((tensor == value).all() for tensor in self.network.state_dict().values()))

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
