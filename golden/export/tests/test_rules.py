"""Names, strides, recipes: the rules that need no torch."""

import tempfile
import unittest
from pathlib import Path

from dinov3_export import ExportError, cli
from dinov3_export.names import NAME, Names, ports
from dinov3_export.recipe import Recipe, check_stages, load_sets
from dinov3_export.sampling import stride


class NamesTest(unittest.TestCase):
    def test_repeats_are_counted_for_each_path_and_port(self):
        names = Names()
        made = [names.next("a.b"), names.next("a.b", "in"), names.next("a.b"), names.next("a.b", "in"), names.next("c")]
        self.assertEqual(made, ["a.b", "a.b:in", "a.b#1", "a.b#1:in", "c"])

    def test_ports_of_what_modules_return(self):
        self.assertEqual(ports(1.5j), [(None, 1.5j)])
        self.assertEqual([p for p, _ in ports([1j, 2j])], ["0", "1"])
        self.assertEqual([p for p, _ in ports([{"x": 1j, "masks": 2j}, {"x": 3j}])], ["0.x", "1.x"])
        self.assertEqual([p for p, _ in ports({"x": 1j, "y": None, "masks": 2j})], ["x"])
        self.assertEqual([p for p, _ in ports((1j, (4, 4)))], ["0"])

    def test_grammar(self):
        for name in ("student.backbone.blocks.3.attn.qkv", "a.norm1#2:in", "param:student.x", "rng:s.b.0.randperm#1",
                     "data:masks", "student.backbone:0.x_prenorm"):
            self.assertRegex(name, NAME)
        for name in ("", "a#0", "a#1#2", "grad:", "a b"):
            self.assertNotRegex(name, NAME)


class StrideTest(unittest.TestCase):
    def test_stride_is_odd_and_keeps_the_sample_within_the_limit(self):
        cases = {(10, 10): 1, (11, 10): 3, (20, 10): 3, (30, 10): 3, (31, 10): 5, (1 << 20, 256): 4097, (5, 0): 1, (0, 4): 1}
        for (elements, limit), expected in cases.items():
            self.assertEqual(stride(elements, limit), expected, (elements, limit))
            if limit:
                self.assertLessEqual(len(range(0, elements, expected)), limit)


class RecipeTest(unittest.TestCase):
    def refused(self, text, **values):
        with self.assertRaisesRegex(ExportError, text):
            Recipe(name=values.pop("name", "a"), description="", **values)

    def test_nonsense_is_refused(self):
        self.refused("no name", name="../a")
        self.refused("cannot be recorded yet", stages=("init", "loss"))
        self.refused("unknown stage", stages=("warp",))
        self.refused("out of order", stages=("forward", "init"))
        self.refused("unknown precision", precisions=("fp8",))
        self.refused("no override", overrides=("student.arch",))

    def test_every_later_stage_is_refused_by_name(self):
        for stage in ("loss", "backward", "optimizer", "ema", "schedule", "trajectory"):
            with self.assertRaisesRegex(ExportError, f"`{stage}`"):
                check_stages((stage,))

    def test_committed_sets_parse_and_name_existing_photographs(self):
        sets = load_sets(cli.SETS_FILE)
        self.assertIn("micro", sets)
        for recipe in sets.values():
            self.assertTrue(recipe.photographs, recipe.name)
            for file in recipe.photographs:
                self.assertTrue((cli.PHOTOGRAPHS / file).is_file(), file)

    def test_a_misspelt_key_is_an_error(self):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "sets.toml"
            path.write_text('[sets.a]\ndescription = "x"\nsample_limt = 4\n')
            with self.assertRaisesRegex(ExportError, "sample_limt"):
                load_sets(path)


if __name__ == "__main__":
    unittest.main()
