"""Names, strides, recipes: the rules that need no torch."""

import json
import re
import tempfile
import unittest
from pathlib import Path
from types import SimpleNamespace

from dinov3_export import ExportError, cli, names
from dinov3_export.config import distillation
from dinov3_export.names import Names, ports
from dinov3_export.recipe import Recipe, load_sets, overrides_of, student_of
from dinov3_export.sampling import stride
from dinov3_export.stages import FORWARD_STAGES, STAGES, TRAINING_STAGES, check_stages, has_spread

TRAINING = {"iteration": 5, "steps": 2, "batches": 1}


class NamesTest(unittest.TestCase):
    def test_repeats_are_counted_for_each_path_and_port(self):
        counted = Names()
        made = [counted.next(*place) for place in (("a.b",), ("a.b", "in"), ("a.b",), ("a.b", "in"), ("c",))]
        self.assertEqual(made, ["a.b", "a.b:in", "a.b#1", "a.b#1:in", "c"])
        self.assertEqual([counted.next("a.b", kind="rng") for _ in range(2)], ["rng:a.b", "rng:a.b#1"])

    def test_ports_of_what_modules_return(self):
        self.assertEqual(ports(1.5j), [(None, 1.5j)])
        self.assertEqual([p for p, _ in ports([1j, 2j])], ["0", "1"])
        self.assertEqual([p for p, _ in ports([{"x": 1j, "masks": 2j}, {"x": 3j}])], ["0.x", "1.x"])
        self.assertEqual([p for p, _ in ports({"x": 1j, "y": None, "masks": 2j})], ["x"])
        self.assertEqual([p for p, _ in ports((1j, (4, 4)))], ["0"])

    def test_every_example_has_the_parts_that_it_says(self):
        examples = json.loads((names.TABLES / "examples.json").read_text(encoding="utf-8"))
        self.assertTrue(examples["names"] and examples["refused"])
        for example in examples["names"]:
            parts = {key: example[key] for key in ("kind", "path", "call", "port")}
            self.assertEqual(names.split(example["name"]), names.Name(**parts))
            self.assertEqual(names.named(**parts), example["name"])
        for text, reason in examples["refused"].items():
            with self.assertRaises(ExportError) as caught:
                names.split(text)
            self.assertEqual(str(caught.exception), f"`{text}` is not an entry name: {reason}")

    def test_grammar(self):
        for name in ("student.backbone.blocks.3.attn.qkv", "a.norm1#2:in", "param:student.x", "rng:s.b.0.randperm#1",
                     "data:masks", "student.backbone:0.x_prenorm", "grad:student.x.weight", "metric:total_loss",
                     "loss:stats_only/masked_gram_loss", "exp_avg_sq:student.x", "groups:is_last_layer", "final:teacher.x",
                     "data:pixels.decode.420.jpg", "data:tables.class-ids-TRAIN.npy"):
            self.assertEqual(str(names.split(name)), name)
        for name in ("", "-a", "a#0", "a#1#2", "grad:", "a b", "a/b/c"):
            with self.assertRaises(ExportError, msg=name):
                names.split(name)

    def test_what_is_stored_is_for_the_table_to_say(self):
        kept = [("param:student.x", "init"), ("param:student.x", "ema"), ("metric:x", "trajectory"), ("final:x", "trajectory")]
        self.assertEqual([names.kept(*entry) for entry in kept], ["digest", "sample", "full", "digest"])
        with self.assertRaisesRegex(ExportError, "stage loss, which has no entries of kind `param`"):
            names.kept("param:student.x", "loss")
        with self.assertRaisesRegex(ExportError, "no kind of entry `lost`"):
            names.named("lost", "x")

    def test_the_table_speaks_of_the_exporter_s_stages(self):
        self.assertEqual({stage for row in names.KINDS.values() for stage in row["stages"]}, set(STAGES))

    def test_no_other_module_writes_a_kind(self):
        """Seen to fail: with `"loss:total_loss"` in recorder.py."""
        prefixes = "|".join(row["prefix"] for row in names.KINDS.values() if row["prefix"])
        literal = re.compile(rf"""["'](?:{prefixes}):[^ "']""")
        for path in sorted(Path(names.__file__).parent.glob("*.py")):
            found = literal.findall(path.read_text(encoding="utf-8"))
            self.assertEqual(found, [], f"{path.name} writes the name of an entry; names.py does that")


class StrideTest(unittest.TestCase):
    def test_stride_is_odd_and_keeps_the_sample_within_the_limit(self):
        cases = {(10, 10): 1, (11, 10): 3, (20, 10): 3, (30, 10): 3, (31, 10): 5, (1 << 20, 256): 4097, (5, 0): 1, (0, 4): 1}
        for (elements, limit), expected in cases.items():
            self.assertEqual(stride(elements, limit), expected, (elements, limit))
            if limit:
                self.assertLessEqual(len(range(0, elements, expected)), limit)


class StagesTest(unittest.TestCase):
    def refused(self, text, *arguments, **options):
        with self.assertRaisesRegex(ExportError, text) as caught:
            check_stages(*arguments, **options)
        self.assertTrue(caught.exception.hint)

    def test_every_kind_of_set_has_its_stages(self):
        check_stages(FORWARD_STAGES)
        check_stages(TRAINING_STAGES, training=True)
        check_stages(("loss", "backward"), battery=True)
        check_stages(("data",), data=True)
        self.assertEqual(set(STAGES), {*FORWARD_STAGES, *TRAINING_STAGES})

    def test_a_stage_of_another_kind_is_refused_by_name(self):
        for stage in TRAINING_STAGES:
            self.refused(f"`{stage}` belongs to a training step", (stage,))
        for stage in FORWARD_STAGES:
            self.refused(f"training steps has no stage `{stage}`", (stage,), training=True)
        for stage in ("forward", "optimizer", "trajectory"):
            self.refused(f"battery of losses has no stage `{stage}`", (stage,), battery=True)
        for stage in ("init", "forward", "loss", "trajectory"):
            self.refused(f"battery of data has no stage `{stage}`", (stage,), data=True)

    def test_nonsense_is_refused(self):
        self.refused("unknown stage `warp`", ("warp",))
        self.refused("out of order", ("backward", "loss"), training=True)
        self.refused("out of order", ("loss", "loss"), training=True)
        self.refused("no stage", ())

    def test_the_spread_is_of_what_rounding_decides(self):
        for stage in ("forward", "loss", "backward", "optimizer", "ema"):
            self.assertTrue(has_spread(stage, "param:student.x"), stage)
        for stage in ("init", "data", "schedule", "trajectory"):
            self.assertFalse(has_spread(stage, "param:student.x"), stage)
        self.assertFalse(has_spread("optimizer", "groups:lr_multiplier"))


class RecipeTest(unittest.TestCase):
    def refused(self, text, **values):
        with self.assertRaisesRegex(ExportError, text):
            Recipe(name=values.pop("name", "a"), description="", **values)

    def test_nonsense_is_refused(self):
        self.refused("no name", name="../a")
        self.refused("unknown stage", stages=("warp",))
        self.refused("out of order", stages=("forward", "init"))
        self.refused("unknown precision", precisions=("fp8",))
        self.refused("no override", overrides=("student.arch",))
        self.refused("no override", teacher_overrides=("student.arch",))
        self.refused("several ranks take training steps", world_size=2)
        self.refused("world_size must be positive", world_size=0, training=TRAINING, stages=TRAINING_STAGES)
        self.refused("version 1", loss_battery=2, stages=("loss",))

    def test_a_battery_of_data_that_cannot_be_is_refused(self):
        whole = {"stages": ("data",), "data_battery": 1, "precisions": ("fp32",), "photographs": ("chelsea.jpg", "coffee.jpg")}
        Recipe(name="a", description="", **whole)
        self.refused("version 1", **{**whole, "data_battery": 2})
        self.refused("no stage `forward`", **{**whole, "stages": ("data", "forward")})
        self.refused("at fp32 alone", **{**whole, "precisions": ("truth", "fp32")})
        self.refused("needs coffee.jpg", **{**whole, "photographs": ("chelsea.jpg",)})
        self.refused("of one kind", **whole, loss_battery=1)
        self.refused("of one kind", **whole, training=TRAINING)

    def test_training_that_cannot_be_is_refused(self):
        def refused(text, stages=TRAINING_STAGES, trajectory=("fp32",), **values):
            self.refused(text, training={**TRAINING, **values}, stages=stages, trajectory=trajectory)

        refused("training has no `stpes`", stpes=1)
        refused("steps must be at least 1", steps=0)
        refused("iteration must be at least 0", iteration=-1)
        refused("batches must be at least 1", batches="2")
        refused("updates is more than its iteration", updates=6)
        refused("only the stage trajectory", stages=("loss", "backward"))
        refused("no trajectory is recorded at `truth`", trajectory=("truth",))
        self.refused("training.batches is missing", training={"iteration": 0, "steps": 1}, stages=("loss",))

    def test_activations_belong_to_a_step_of_one_rank_with_its_gradients(self):
        """Seen to fail: without the second check."""
        Recipe(name="a", description="", training=TRAINING, stages=TRAINING_STAGES, activations=True)
        self.refused("activations belong to a training step", activations=True)
        self.refused("with its stage backward", training={**TRAINING, "steps": 1}, stages=("loss",), activations=True)
        self.refused("activations of several ranks", training=TRAINING, stages=TRAINING_STAGES, activations=True, world_size=2)

    def test_every_rank_has_one_student(self):
        def students(*ranks):
            return tuple({"ranks": list(pair), "overrides": ["a=1"] if pair[0] else []} for pair in ranks)

        several = {"training": TRAINING, "stages": TRAINING_STAGES, "world_size": 4}
        recipe = Recipe(name="a", description="", **several, students=students((0, 1), (1, 4)))
        known = {"students": recipe.students, "overrides": ["b=2"]}
        self.assertEqual([student_of(known, rank) for rank in range(4)], [0, 1, 1, 1])
        self.assertEqual(overrides_of(known, 1), ["b=2", "a=1"])
        self.assertEqual((student_of({"students": ()}, 3), overrides_of({"students": (), "overrides": []}, 0)), (0, []))
        for wrong in (((0, 2), (1, 4)), ((0, 2), (3, 4)), ((0, 0), (0, 4))):
            self.refused("do not follow", **several, students=students(*wrong))
        self.refused("have 3 ranks of 4", **several, students=students((0, 3)))
        self.refused("a student has", **several, students=({"ranks": [0, 4]},))
        self.refused("first student has overrides", **several, students=({"ranks": [0, 4], "overrides": ["a=1"]},))

    def test_where_all_steps_are_taken(self):
        recipe = Recipe(name="a", description="", training=TRAINING, stages=TRAINING_STAGES)
        self.assertEqual([recipe.records_trajectory(p) for p in ("truth", "fp32", "bf16")], [False, True, False])
        single = Recipe(name="a", description="", training={**TRAINING, "steps": 1}, stages=("loss",))
        self.assertFalse(single.records_trajectory("fp32"))

    def test_committed_sets_parse_and_name_existing_photographs(self):
        sets = load_sets(cli.SETS_FILE)
        self.assertIn("micro", sets)
        for recipe in sets.values():
            # A battery has no images, and a state of a trajectory comes with its batch.
            without = recipe.loss_battery is not None or recipe.state_of is not None
            self.assertEqual(not recipe.photographs, without, recipe.name)
            for file in recipe.photographs:
                self.assertTrue((cli.PHOTOGRAPHS / file).is_file(), file)

    def load(self, text: str):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "sets.toml"
            path.write_text(text)
            return load_sets(path)

    def test_a_misspelt_key_is_an_error(self):
        with self.assertRaisesRegex(ExportError, "sample_limt"):
            self.load('[sets.a]\ndescription = "x"\nsample_limt = 4\n')

    def test_a_set_like_another_has_its_values_and_adds_overrides(self):
        first = '[sets.a]\ndescription = "x"\nseed = 3\nwarm = 0.5\noverrides = ["p=1"]\n'
        sets = self.load(first + '[sets.b]\nlike = "a"\nwarm = 0.1\noverrides = ["q=2"]\n[sets.c]\nlike = "b"\n')
        self.assertEqual((sets["b"].seed, sets["b"].warm, sets["b"].overrides), (3, 0.1, ("p=1", "q=2")))
        self.assertEqual((sets["c"].name, sets["c"].overrides, sets["a"].warm), ("c", ("p=1", "q=2"), 0.5))
        with self.assertRaisesRegex(ExportError, "no set `z`"):
            self.load('[sets.a]\nlike = "z"\n')


class TeacherTest(unittest.TestCase):
    def config(self, **values):
        defaults = {"enabled": True, "full_cfg_path": "teacher.yaml", "checkpoint_path": "ignore"}
        return SimpleNamespace(distillation=SimpleNamespace(**{**defaults, **values}))

    def test_a_teacher_of_the_machine_s_own_is_refused(self):
        nowhere = Path("nowhere.yaml")
        self.assertIsNone(distillation(self.config(enabled=False), [], nowhere))
        for config, overrides in ((self.config(full_cfg_path="/x/config.yaml"), ["a=1"]), (self.config(), [])):
            with self.assertRaisesRegex(ExportError, "the teacher's config is"):
                distillation(config, overrides, nowhere)
        with self.assertRaisesRegex(ExportError, "distillation.enabled is not set"):
            distillation(self.config(enabled=False), ["a=1"], nowhere)


class CommandLineTest(unittest.TestCase):
    def recipe(self, *words):
        return cli.recipes(cli.parser().parse_intermixed_args(["--name", "a", "--photograph", "x.jpg", *words]))[0]

    def test_steps_bring_the_stages_of_training(self):
        self.assertEqual(self.recipe().stages, FORWARD_STAGES)
        recipe = self.recipe("--steps", "3", "--iteration", "7", "--batches", "2", "--world-size", "2")
        self.assertEqual((recipe.stages, recipe.world_size), (TRAINING_STAGES, 2))
        self.assertEqual(recipe.training, {"iteration": 7, "steps": 3, "batches": 2, "updates": 0})
        self.assertEqual(self.recipe("--steps", "1", "--stages", "loss,ema").stages, ("loss", "ema"))
        self.assertEqual([self.recipe("--steps", "1", *more).activations for more in ((), ("--activations",))], [False, True])
        with self.assertRaisesRegex(ExportError, "belongs to a training step"):
            self.recipe("--stages", "loss")


if __name__ == "__main__":
    unittest.main()
