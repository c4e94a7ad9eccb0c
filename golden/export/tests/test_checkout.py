"""A checkout that is not exactly the pinned code is refused."""

import subprocess
import tempfile
import unittest
from pathlib import Path

from dinov3_export import USAGE, ExportError, checkout


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"]
    done = subprocess.run(["git", "-C", str(folder), *identity, *arguments], capture_output=True, text=True, check=True)
    return done.stdout.strip()


class CheckoutTest(unittest.TestCase):
    def setUp(self):
        self._folder = tempfile.TemporaryDirectory()
        self.path = Path(self._folder.name).resolve()
        (self.path / "dinov3" / "train").mkdir(parents=True)
        (self.path / "dinov3" / "train" / "a.py").write_text("x = 1\n")
        (self.path / "notebook.txt").write_text("n\n")
        (self.path / ".gitignore").write_text("**/__pycache__/\nhidden*\n")
        git(self.path, "init", "-q")
        git(self.path, "add", ".")
        git(self.path, "commit", "-q", "-m", "c")
        self.commit = git(self.path, "rev-parse", "HEAD")

    def tearDown(self):
        self._folder.cleanup()

    def refused(self, text: str, commit: str | None = None):
        with self.assertRaisesRegex(ExportError, text) as caught:
            checkout.check(self.path, commit or self.commit)
        self.assertEqual(caught.exception.code, USAGE)
        self.assertTrue(caught.exception.hint)

    def test_clean_checkout_is_accepted(self):
        self.assertEqual(checkout.check(self.path, self.commit), self.path)

    def test_files_outside_the_package_and_bytecode_do_not_matter(self):
        (self.path / "notebook.txt").unlink()
        (self.path / "dinov3" / "__pycache__").mkdir()
        (self.path / "dinov3" / "__pycache__" / "a.pyc").write_text("")
        checkout.check(self.path, self.commit)

    def test_another_commit(self):
        self.refused("recorded from " + "0" * 40, "0" * 40)

    def test_changed_removed_and_added_files(self):
        (self.path / "dinov3" / "train" / "a.py").write_text("x = 2\n")
        self.refused("dinov3/train/a.py")
        (self.path / "dinov3" / "train" / "a.py").unlink()
        self.refused("dinov3/train/a.py")
        git(self.path, "checkout", "-q", "--", ".")
        (self.path / "dinov3" / "b.py").write_text("")
        self.refused("dinov3/b.py")

    def test_an_ignored_module(self):
        (self.path / "dinov3" / "hidden.py").write_text("")
        self.refused("dinov3/hidden.py")

    def test_no_checkout(self):
        with self.assertRaisesRegex(ExportError, "does not exist"):
            checkout.check(self.path / "nowhere", self.commit)
        with tempfile.TemporaryDirectory() as plain:
            with self.assertRaisesRegex(ExportError, "no git checkout"):
                checkout.check(Path(plain), self.commit)
            (Path(plain) / ".git").mkdir()
            with self.assertRaisesRegex(ExportError, "not a usable git checkout"):
                checkout.check(Path(plain), self.commit)

    def test_a_copy_without_git_is_held_to_the_hashes_of_its_files(self):
        package = git(self.path, "rev-parse", "HEAD:dinov3")
        git(self.path, "mv", "notebook.txt", "dinov3/train.txt")
        program = self.path / "dinov3" / "train-it"
        program.write_text("#!/bin/sh\n")
        program.chmod(0o755)
        git(self.path, "add", ".")
        package, former = git(self.path, "write-tree", "--prefix=dinov3/"), package
        (self.path / ".git").rename(self.path / "elsewhere")
        self.assertEqual(checkout.check(self.path, self.commit, package), self.path)
        with self.assertRaisesRegex(ExportError, f"has the tree {package}, not {former}"):
            checkout.check(self.path, self.commit, former)
        program.chmod(0o644)
        with self.assertRaisesRegex(ExportError, "not as committed"):
            checkout.check(self.path, self.commit, package)


if __name__ == "__main__":
    unittest.main()
