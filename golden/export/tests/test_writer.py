"""Merging precisions, the check for paths, SHA256SUMS, installing."""

import json
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path
from unittest import mock

from dinov3_export import ExportError, writer
from dinov3_export.recipe import Recipe


def result(*names: str) -> dict:
    return {"entries": [{"name": name, "stage": "forward", "record": {"of": name}} for name in names]}


class MergeTest(unittest.TestCase):
    def test_records_stand_side_by_side(self):
        merged = writer.merge_entries({"truth": result("a", "b"), "fp32": result("a", "b")})
        self.assertEqual([e["name"] for e in merged], ["a", "b"])
        self.assertEqual(list(merged[0]["records"]), ["truth", "fp32"])

    def test_disagreement_is_an_error(self):
        for other in (result("b", "a"), result("a"), result("a", "b", "c")):
            with self.assertRaises(ExportError):
                writer.merge_entries({"truth": result("a", "b"), "fp32": other})
        with self.assertRaisesRegex(ExportError, "same name"):
            writer.merge_entries({"truth": result("a", "a")})


    def test_only_the_trajectory_or_what_is_declared_absent_may_be_missing(self):
        def steps(*names, last=(), absent=()):
            entries = result(*names)["entries"] + [{**e, "stage": "trajectory"} for e in result(*last)["entries"]]
            return {"entries": entries, "absent": list(absent)}

        merged = writer.merge_entries({"truth": steps("a", "b"), "fp32": steps("a", "b", last=["t", "u"])})
        self.assertEqual([(e["name"], list(e["records"])) for e in merged],
                         [("a", ["truth", "fp32"]), ("b", ["truth", "fp32"]), ("t", ["fp32"]), ("u", ["fp32"])])
        merged = writer.merge_entries({"truth": steps("a", "b", "c"), "bf16": steps("a", "c", absent=["b"])})
        self.assertEqual([list(e["records"]) for e in merged], [["truth", "bf16"], ["truth"], ["truth", "bf16"]])
        self.assertEqual(merged[2]["records"]["bf16"], {"of": "c"})
        for other in (steps("a", "c"), steps("a", "b", "c", absent=["b"]), steps("a", absent=["b"])):
            with self.assertRaises(ExportError):
                writer.merge_entries({"truth": steps("a", "b", "c"), "bf16": other})
        for last in (["t"], ["u", "t"]):
            with self.assertRaises(ExportError):
                writer.merge_entries({"fp32": steps("a", last=["t", "u"]), "bf16": steps("a", last=last)})
        with self.assertRaisesRegex(ExportError, "same name"):
            writer.merge_entries({"fp32": steps("a", last=["a"])})


    def test_the_truth_may_lack_activations_and_the_gradients_by_them(self):
        """Seen to fail: with the truth as the list that the others are compared with."""
        def step(*names, activations=False):
            stages = {"gradout": "backward", "grad": "backward", "loss": "loss"}
            entries = [{"name": n, "stage": stages.get(n.split(":")[0], "forward"), "record": {"of": n}} for n in names]
            return {"entries": entries, "activations": activations}

        truth, whole = step("loss:x", "grad:a.w"), ("a.b", "rng:a", "loss:x", "gradout:a.b", "grad:a.w")
        results = {"truth": truth, "fp32": step(*whole, activations=True), "bf16": step(*whole, activations=True)}
        merged = writer.merge_entries(results)
        self.assertEqual([entry["name"] for entry in merged], list(whole))
        lacking, all_three = ["fp32", "bf16"], ["truth", "fp32", "bf16"]
        self.assertEqual([list(entry["records"]) for entry in merged], [lacking, lacking, all_three, lacking, all_three])
        self.assertEqual(merged[4]["records"]["truth"], {"of": "grad:a.w"})
        # Two precisions with activations have the same ones, and none lacks anything else.
        for other in (step(*whole[:3], whole[4], activations=True), step("a.b", "loss:x", "gradout:a.b", "grad:a.w")):
            with self.assertRaises(ExportError):
                writer.merge_entries({**results, "bf16": other})
        with self.assertRaises(ExportError):
            writer.merge_entries({**results, "truth": step("loss:x")})
        with self.assertRaises(ExportError):
            writer.merge_entries({"truth": result("a"), "fp32": result("a", "b")})


class ManifestTest(unittest.TestCase):
    def recipe(self, **values):
        students = [{"ranks": [0, 1], "config": {"a": 0}}]
        found = {"config": {}, "versions": {}, "fingerprint": {}, "students": students, "teacher_config": values.pop("teacher", None), **result("a")}
        return writer.manifest(Recipe(name="a", description="", **values), {"truth": found}, [])["recipe"]

    def test_a_forward_set_has_no_key_of_the_others(self):
        self.assertEqual(list(self.recipe())[-3:], ["photographs", "intermediate", "config"])

    def test_training_and_battery_stand_before_the_config(self):
        training = {"iteration": 7, "steps": 1, "batches": 2}
        recipe = self.recipe(training=training, stages=("loss",), world_size=2, teacher={"x": 1})
        self.assertEqual(list(recipe)[-3:], ["intermediate", "training", "config"])
        self.assertEqual(recipe["training"], {**training, "state": False, "updates": 0, "teacher_config": {"x": 1}})
        self.assertEqual(recipe["world_size"], 2)
        recipe = self.recipe(training={**training, "updates": 7}, stages=("loss",))
        self.assertEqual((recipe["training"]["state"], recipe["training"]["updates"]), (True, 7))
        recipe = self.recipe(training=training, stages=("loss", "backward"), activations=True)
        self.assertEqual(list(recipe["training"])[-2:], ["teacher_config", "activations"])
        students = ({"ranks": [0, 1], "overrides": []}, {"ranks": [1, 2], "overrides": ["a=1"]})
        recipe = self.recipe(training=training, stages=("loss",), world_size=2, students=students)
        self.assertEqual(recipe["training"]["students"], [{"ranks": [0, 1], "config": {"a": 0}}])
        recipe = self.recipe(loss_battery=1, stages=("loss",))
        self.assertEqual(list(recipe)[-2:], ["loss_battery", "config"])
        photographs = ("chelsea.jpg", "coffee.jpg")
        recipe = self.recipe(data_battery=1, stages=("data",), precisions=("fp32",), photographs=photographs)
        self.assertEqual(list(recipe)[-2:], ["data_battery", "config"])
        self.assertEqual(recipe["data_battery"], 1)


class PathsTest(unittest.TestCase):
    def test_a_path_of_this_machine_is_found_wherever_it_is(self):
        writer.check_paths({"a": ["/checkpoint/of/the/authors", 1, None]}, ["/home/me"])
        with self.assertRaisesRegex(ExportError, r"a\[0\].b"):
            writer.check_paths({"a": [{"b": "train.output_dir=/home/me/x"}]}, ["/home/me"])


class FilesTest(unittest.TestCase):
    def setUp(self):
        self._folder = tempfile.TemporaryDirectory()
        self.folder = Path(self._folder.name)
        self.new = self.folder / "work" / "set"
        self.new.mkdir(parents=True)
        (self.new / "b").write_text("new")
        (self.new / "a").write_text("")

    def tearDown(self):
        self._folder.cleanup()

    def test_the_state_belongs_to_a_set_that_starts_from_one(self):
        work = self.folder / "work"
        shutil.rmtree(self.new)
        content = {"config": {}, "versions": {}, "fingerprint": {}, "teacher_config": None, **result("a")}
        (work / "truth.json").write_text(json.dumps(content))
        (work / "truth.safetensors").write_text("")
        (work / writer.STATE).write_text("state")
        training = {"iteration": 2, "steps": 1, "batches": 1}
        for updates, names in ((2, [writer.MANIFEST, writer.SUMS, writer.STATE]), (0, [writer.MANIFEST, writer.SUMS])):
            recipe = Recipe(name="a", description="", stages=("loss",), training={**training, "updates": updates})
            folder = writer.collect(work, ["truth"], recipe, [], [])
            self.assertEqual(sorted(p.name for p in folder.iterdir()), sorted([*names, "truth.safetensors"]))
            self.assertEqual(writer.STATE in (folder / writer.SUMS).read_text(), updates > 0)
            shutil.rmtree(folder)

    @unittest.skipUnless(shutil.which("sha256sum"), "no sha256sum here")
    def test_sums_are_what_sha256sum_checks(self):
        writer.write_sums(self.new)
        self.assertEqual([line[66:] for line in (self.new / writer.SUMS).read_text().splitlines()], ["a", "b"])
        command = ["sha256sum", "--strict", "-c", writer.SUMS]
        self.assertEqual(subprocess.run(command, cwd=self.new, capture_output=True).returncode, 0)
        (self.new / "b").write_text("nev")
        self.assertNotEqual(subprocess.run(command, cwd=self.new, capture_output=True).returncode, 0)

    def test_an_interrupt_leaves_the_old_set(self):
        target = self.folder / "target"
        target.mkdir()
        (target / "b").write_text("old")
        rename = writer.os.rename

        def interrupted(source, destination):
            if Path(source) == self.new:
                raise KeyboardInterrupt
            rename(source, destination)

        with mock.patch.object(writer.os, "rename", interrupted), self.assertRaises(KeyboardInterrupt):
            writer.install(self.new, target)
        self.assertEqual((target / "b").read_text(), "old")
        writer.install(self.new, target)
        self.assertEqual((target / "b").read_text(), "new")


if __name__ == "__main__":
    unittest.main()
