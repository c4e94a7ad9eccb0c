"""Merging precisions, the check for paths, SHA256SUMS, installing."""

import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path
from unittest import mock

from dinov3_export import ExportError, writer


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
