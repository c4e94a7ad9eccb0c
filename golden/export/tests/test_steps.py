"""Training steps, on stand-ins for the reference's model: what is recorded of them, in which order, from which state."""

import importlib.util
import unittest
from types import SimpleNamespace

from dinov3_export import ExportError

HAS_TORCH = importlib.util.find_spec("torch") is not None
HAS_NUMPY = importlib.util.find_spec("numpy") is not None


def gram(**values):
    defaults = {"use_loss": True, "rep_update": True, "it_first_update": 2, "update_frequency": 2, "max_updates": None}
    return SimpleNamespace(**{**defaults, **values})


@unittest.skipUnless(HAS_TORCH and HAS_NUMPY, "needs torch")
class GramTest(unittest.TestCase):
    def updates(self, first: int, steps: int, **values) -> list[int]:
        """The iterations that end with an update of the Gram teacher."""
        from dinov3_export.driver import Trainer

        config, done = gram(**values), []
        model = SimpleNamespace(
            has_gram_teacher=True, gram_rep_update=config.rep_update, gram_it_first_update=config.it_first_update,
            gram_update_frequency=config.update_frequency, update_gram=lambda: done.append(it),
        )
        trainer = object.__new__(Trainer)
        trainer.cfg, trainer.model, trainer._gram_updates = SimpleNamespace(gram=config), model, None
        for it in range(first, first + steps):
            self.assertEqual(trainer._update_gram_teacher(it), it in done)
        return done

    def test_updates_come_at_their_frequency_from_the_first_on(self):
        self.assertEqual(self.updates(0, 8), [1, 3, 5, 7])
        self.assertEqual(self.updates(0, 8, it_first_update=5), [5, 7])
        self.assertEqual(self.updates(0, 8, rep_update=False), [])
        self.assertEqual(self.updates(0, 8, use_loss=False), [])

    def test_updates_before_the_first_step_count(self):
        self.assertEqual(self.updates(0, 8, max_updates=2), [1, 3])
        # Before iteration 4 there were updates after 1 and 3.
        self.assertEqual(self.updates(4, 8, max_updates=3), [5])
        self.assertEqual(self.updates(4, 8, max_updates=2), [])


@unittest.skipUnless(HAS_TORCH and HAS_NUMPY, "needs torch")
class RecorderTest(unittest.TestCase):
    STAGES = ("loss", "backward", "optimizer", "ema")

    def trainer(self, unused: bool = False):
        """A student whose gradients are accumulated in another order than that of its parameters."""
        import torch

        class Model:
            def __init__(self) -> None:
                linear = torch.nn.Linear
                self.student = torch.nn.ModuleDict({"backbone": linear(2, 2), "dino_head": linear(2, 2, bias=False)})
                if unused:
                    self.student["ibot_head"] = linear(1, 1, bias=False)
                self.model_ema = torch.nn.ModuleDict({"backbone": linear(2, 2)})
                self.gram_teacher = torch.nn.ModuleDict({"backbone": linear(2, 2)})

            def compute_losses(self, *, teacher_global, gram_global):
                loss = self.student["dino_head"](self.student["backbone"](torch.ones(1, 2))).sum()
                return loss, {"weight": 0.5, "stats_only/x": loss.detach()}

        model = Model()
        return SimpleNamespace(model=model, optimizer=torch.optim.AdamW(model.student.parameters()))

    def step(self, trainer, order=None, stages=STAGES, gram=False) -> list[tuple]:
        import torch
        from dinov3_export.recorder import Recorder

        seen = []
        recorder = Recorder(trainer, stages, lambda name, stage, tensor: seen.append((name, stage)), order)
        teacher = {"cls_centered": torch.ones(1), "masked_patch_centered": torch.ones(1)}
        with recorder.watching(trainer.model):
            patches = {"student_patches": torch.ones(1), "teacher_patches": torch.ones(1), "orig_student_patches": 0}
            loss, _ = trainer.model.compute_losses(teacher_global=teacher, gram_global=patches if gram else None)
            loss.backward()
        recorder.backward()
        trainer.optimizer.step()
        recorder.optimizer({"backbone": torch.ones(())})
        recorder.ema(gram)
        return seen

    def test_entries_come_in_the_order_of_the_format(self):
        names = [name for name, _ in self.step(self.trainer(), gram=True)]
        self.assertEqual(names[:7], [
            "sinkhorn:dino", "sinkhorn:ibot", "gram:student_patches", "gram:teacher_patches", "loss:weight",
            "loss:stats_only/x", "loss:total_loss",
        ])
        self.assertEqual(names[7], "grad:student.dino_head.weight")
        self.assertEqual(set(names[8:10]), {"grad:student.backbone.weight", "grad:student.backbone.bias"})
        self.assertEqual(names[10:14], [
            "grad_norm:backbone", "exp_avg:student.backbone.weight", "exp_avg_sq:student.backbone.weight",
            "param:student.backbone.weight",
        ])
        self.assertEqual(names[-4:], [
            "param:teacher.backbone.weight", "param:teacher.backbone.bias", "param:gram_teacher.backbone.weight",
            "param:gram_teacher.backbone.bias",
        ])

    def test_only_the_stages_asked_for_are_recorded(self):
        self.assertEqual({stage for _, stage in self.step(self.trainer(), stages=("ema",))}, {"ema"})

    def test_a_parameter_without_gradient_has_no_entry_but_its_weight(self):
        names = [name for name, _ in self.step(self.trainer(unused=True))]
        self.assertEqual([n for n in names if "ibot_head" in n], ["param:student.ibot_head.weight"])

    def test_an_order_brought_along_is_kept_and_must_fit(self):
        order = ["backbone.bias", "dino_head.weight", "backbone.weight"]
        names = [name for name, _ in self.step(self.trainer(), order)]
        self.assertEqual([n for n in names if n.startswith("grad:")], [f"grad:student.{n}" for n in order])
        for wrong in (order[:2], [*order, "x"]):
            with self.assertRaisesRegex(ExportError, "backward order"):
                self.step(self.trainer(), wrong)

    def test_the_model_is_left_as_it_was(self):
        trainer = self.trainer()
        self.step(trainer)
        self.assertNotIn("compute_losses", vars(trainer.model))
        listeners = [p._post_accumulate_grad_hooks or {} for p in trainer.model.student.parameters()]
        self.assertEqual(sum(map(len, listeners)), 0)


@unittest.skipUnless(HAS_TORCH and HAS_NUMPY, "needs torch")
class TrajectoryTest(unittest.TestCase):
    def test_values_become_float32_and_the_names_must_stay(self):
        import torch
        from dinov3_export.recorder import Trajectory

        trajectory = Trajectory()
        trajectory.log(torch.tensor(1.5, dtype=torch.float64), {"n": 4})
        trajectory.log(torch.tensor(2.5), {"n": torch.tensor(4.0)})
        tables = dict(trajectory.tables())
        self.assertEqual([(n, t.dtype, t.tolist()) for n, t in tables.items()],
                         [("total_loss", torch.float32, [1.5, 2.5]), ("n", torch.float32, [4.0, 4.0])])
        with self.assertRaisesRegex(ExportError, "different names"):
            trajectory.log(torch.tensor(1.0), {"m": 1})


@unittest.skipUnless(HAS_TORCH and HAS_NUMPY, "needs torch")
class StateTest(unittest.TestCase):
    def trainer(self, fused: bool, dtype=None):
        import torch

        student, teacher = torch.nn.ModuleDict({"a": torch.nn.Linear(3, 2)}), torch.nn.ModuleDict({"a": torch.nn.Linear(3, 2)})
        if dtype is not None:
            student, teacher = student.to(dtype), teacher.to(dtype)
        groups = [{"params": list(student.parameters()), "fused": True} if fused else {"params": list(student.parameters())}]
        optimizer = torch.optim.AdamW(groups)
        return SimpleNamespace(model=SimpleNamespace(student=student, model_ema=teacher), optimizer=optimizer)

    def advance(self, trainer):
        import torch

        student = trainer.model.student
        trainer.optimizer.zero_grad()
        noise = torch.randn(4, 3).to(student["a"].weight.dtype)
        student["a"](noise).square().sum().backward()
        trainer.optimizer.step()

    def test_a_run_goes_on_from_its_state_with_the_same_bits(self):
        import torch
        from dinov3_export import state

        for fused in (True, False):
            torch.manual_seed(3)
            one = self.trainer(fused)
            for _ in range(3):
                self.advance(one)
            # What the optimizer holds are its own tensors: a state must not change along with them.
            kept = {name: tensor.clone() for name, tensor in state.tensors(one).items()}
            self.assertEqual(kept["rng"].numel(), 5056)
            self.advance(one)
            torch.manual_seed(9)
            other = self.trainer(fused)
            state.restore(other, kept, 3)
            self.advance(other)
            for name, tensor in state.tensors(one).items():
                self.assertTrue(torch.equal(tensor, state.tensors(other)[name]), (fused, name))
            slots = other.optimizer.state[other.model.student["a"].weight]
            self.assertEqual((slots["step"].dtype, slots["step"].item()), (torch.float32, 4.0))
            # The count matters: bias correction depends on it.
            third = self.trainer(fused)
            state.restore(third, kept, 30)
            self.advance(third)
            self.assertFalse(torch.equal(third.model.student["a"].weight, one.model.student["a"].weight))

    def test_moments_alone_leave_the_weights(self):
        import torch
        from dinov3_export import state

        trainer = self.trainer(True)
        self.advance(trainer)
        kept = {name: tensor.clone() for name, tensor in state.tensors(trainer).items()}
        other = self.trainer(True)
        before = other.model.student["a"].weight.detach().clone()
        state.restore(other, kept, 1, weights=False)
        self.assertTrue(torch.equal(before, other.model.student["a"].weight))

    def test_the_truth_gets_the_same_numbers_widened(self):
        import torch
        from dinov3_export import state

        trainer = self.trainer(True)
        self.advance(trainer)
        wide = self.trainer(True, torch.float64)
        state.restore(wide, state.tensors(trainer), 1)
        slots = wide.optimizer.state[wide.model.student["a"].weight]
        self.assertEqual((slots["exp_avg"].dtype, slots["step"].dtype), (torch.float64, torch.float32))
        self.assertTrue(torch.equal(wide.model.student["a"].weight.float(), trainer.model.student["a"].weight))

    def test_a_run_that_leaves_a_parameter_alone_has_no_state(self):
        from dinov3_export import state

        with self.assertRaisesRegex(ExportError, "never updated"):
            state.tensors(self.trainer(True))


if __name__ == "__main__":
    unittest.main()
