"""A training step's activations, on stand-ins for the reference's model: their names, order and gradients, and that
watching changes nothing."""

import importlib.util
import unittest
from contextlib import contextmanager
from types import SimpleNamespace

HAS_TORCH = importlib.util.find_spec("torch") is not None
HAS_NUMPY = importlib.util.find_spec("numpy") is not None


def fake_taps():
    """Taps that record the output and the input of the linear modules of `student` and `teacher`."""
    from dinov3_export.names import Names

    class FakeTaps:
        def __init__(self, model, sink) -> None:
            self._model, self._sink, self._names, self._hooks = model, sink, Names(), []

        def attach(self) -> None:
            for root in ("teacher", "student"):
                for path, module in getattr(self._model, root).named_children():
                    self._hooks.append(module.register_forward_hook(self._hook(f"{root}.{path}")))

        def _hook(self, path):
            def hook(_module, inputs, output) -> None:
                self._sink(self._names.next(path, "in"), inputs[0])
                self._sink(self._names.next(path), output)
                self._sink(self._names.next(path, kind="rng"), output.detach().round())

            return hook

        def detach(self) -> None:
            for hook in self._hooks:
                hook.remove()

        @contextmanager
        def random_draws(self, _device):
            yield

    return FakeTaps


@unittest.skipUnless(HAS_TORCH and HAS_NUMPY, "needs torch")
class ActivationsTest(unittest.TestCase):
    """Seen to fail: with `tensor.retain_grad()` left out, with `reversed` left out, with inputs kept along with outputs,
    and with `detach` left out."""

    def model(self):
        import torch

        torch.manual_seed(3)
        linear = torch.nn.Linear

        class Model:
            def __init__(self) -> None:
                self.student = torch.nn.ModuleDict({"a": linear(2, 3), "unused": linear(3, 2), "b": linear(3, 2)})
                self.teacher = torch.nn.ModuleDict({"a": linear(2, 3)})

            def compute_losses(self, **_):
                x = torch.tensor([[0.3, -1.7], [2.1, 0.9]])
                with torch.no_grad():
                    self.teacher["a"](x)
                hidden = self.student["a"](x)
                self.student["unused"](hidden)
                # The second call of `a`.
                loss = self.student["b"](hidden).square().sum() + self.student["a"](x * 2).sum()
                return loss, {}

        return Model()

    def step(self, model, watched: bool) -> list[tuple]:
        """What the recorder passes on of a step: (name, stage, tensor)."""
        import torch
        from dinov3_export.activations import Activations
        from dinov3_export.recorder import Recorder

        seen = []

        def sink(name, stage, tensor) -> None:
            seen.append((name, stage, tensor.detach().clone()))

        activations = Activations(model, "cpu", sink, taps=fake_taps()) if watched else None
        trainer = SimpleNamespace(model=model, optimizer=torch.optim.AdamW(model.student.parameters()))
        recorder = Recorder(trainer, ("loss", "backward"), sink, None, activations)
        teacher = {"cls_centered": torch.ones(1), "masked_patch_centered": torch.ones(1)}
        with recorder.watching(model):
            loss, _ = model.compute_losses(teacher_global=teacher, gram_global=None)
            loss.backward()
        recorder.backward()
        return seen

    def test_activations_come_first_and_their_gradients_before_those_of_parameters_last_output_first(self):
        seen = self.step(self.model(), watched=True)
        names = [(name, stage) for name, stage, _ in seen]
        self.assertEqual([name for name, stage in names if stage == "forward"], [
            "teacher.a:in", "teacher.a", "rng:teacher.a", "student.a:in", "student.a", "rng:student.a", "student.unused:in",
            "student.unused", "rng:student.unused", "student.b:in", "student.b", "rng:student.b", "student.a#1:in",
            "student.a#1", "rng:student.a#1",
        ])
        self.assertEqual({stage for _, stage in names[:15]}, {"forward"})
        backward = [name for name, stage in names if stage == "backward"]
        # `unused` has an output that the loss does not depend on; inputs are outputs of other modules.
        self.assertEqual(backward[:3], ["gradout:student.a#1", "gradout:student.b", "gradout:student.a"])
        self.assertEqual(sorted(backward[3:]), sorted(f"grad:student.{m}.{p}" for m in "ab" for p in ("weight", "bias")))

    def test_the_gradients_are_the_loss_s_by_the_outputs(self):
        import torch

        model = self.model()
        seen = {name: tensor for name, _, tensor in self.step(model, watched=True)}
        out = seen["student.b"]
        self.assertTrue(torch.equal(seen["gradout:student.b"], 2 * out))
        self.assertTrue(torch.allclose(seen["gradout:student.a"], 2 * out @ model.student["b"].weight.detach()))
        self.assertTrue(torch.equal(seen["gradout:student.a#1"], torch.ones(2, 3)))

    def test_a_step_that_is_watched_has_the_bits_of_one_that_is_not(self):
        import torch

        plain = self.step(self.model(), watched=False)
        watched = [entry for entry in self.step(self.model(), watched=True)
                   if entry[1] != "forward" and not entry[0].startswith("gradout")]
        self.assertEqual([entry[:2] for entry in plain], [entry[:2] for entry in watched])
        for (name, _, ours), (_, _, theirs) in zip(plain, watched):
            self.assertTrue(torch.equal(ours, theirs), name)

    def test_the_next_step_is_not_watched(self):
        model = self.model()
        self.step(model, watched=True)
        modules = [*model.student.values(), *model.teacher.values()]
        self.assertEqual(sum(len(module._forward_hooks) for module in modules), 0)


@unittest.skipUnless(HAS_TORCH and HAS_NUMPY, "needs torch")
class TapsTest(unittest.TestCase):
    def test_a_wrapped_method_comes_back(self):
        """Seen to fail: without `delattr` in `_wrap`."""
        from dinov3_export.hooks import Taps

        class Owner:
            def method(self):
                return 3

        owner, seen = Owner(), []
        taps = Taps(None, lambda name, value: seen.append((name, value)))
        taps._wrap(owner, "method", "a.method", lambda result: complex(result))
        self.assertEqual((owner.method(), seen), (3, [("a.method", 3 + 0j)]))
        taps.detach()
        self.assertEqual((owner.method(), len(seen), vars(owner)), (3, 1, {}))


@unittest.skipUnless(HAS_TORCH and HAS_NUMPY, "needs torch")
class StorageTest(unittest.TestCase):
    def test_forward_and_backward_are_stored_in_full_where_there_are_activations(self):
        """Seen to fail: with `self._limit` in place of `self.limit(stage)`."""
        import torch
        from dinov3_export.entries import Store

        for activations, storage in ((True, "full"), (False, "sample")):
            store = Store(4, activations)
            for name, stage in (("a.b", "forward"), ("gradout:a.b", "backward"), ("grad:a.c", "backward"), ("exp_avg:a.c", "optimizer")):
                store.add(name, stage, torch.arange(12.0))
            found = [entry["record"]["storage"] for entry in store.entries]
            self.assertEqual(found, [storage, storage, storage, "sample"])
            self.assertEqual((store.limit("forward"), store.limit("ema")), (0 if activations else 4, 4))


if __name__ == "__main__":
    unittest.main()
