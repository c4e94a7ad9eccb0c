"""A checkout that is not exactly the pinned code is refused for a golden set, and its difference is told for a candidate."""

import hashlib
import subprocess
import tempfile
import unittest
from pathlib import Path

from dinov3_export import USAGE, ExportError, checkout, difference


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"]
    done = subprocess.run(["git", "-C", str(folder), *identity, *arguments], capture_output=True, text=True, check=True)
    return done.stdout.strip()


class Repository(unittest.TestCase):
    """A small package `dinov3` under git."""

    def setUp(self):
        self._folder = tempfile.TemporaryDirectory()
        self.path = Path(self._folder.name).resolve() / "checkout"
        (self.path / "dinov3" / "train").mkdir(parents=True)
        self.module = self.path / "dinov3" / "train" / "a.py"
        self.module.write_text("x = 1\ny = 2\n")
        (self.path / "notebook.txt").write_text("n\n")
        (self.path / ".gitignore").write_text("**/__pycache__/\nhidden*\n")
        git(self.path, "init", "-q")
        git(self.path, "add", ".")
        git(self.path, "commit", "-q", "-m", "c")
        self.commit = git(self.path, "rev-parse", "HEAD")
        self.tree = git(self.path, "rev-parse", "HEAD:dinov3")

    def tearDown(self):
        self._folder.cleanup()

    def inspected(self, **options) -> checkout.Checkout:
        return checkout.inspect(self.path, self.commit, self.tree, **options)

    def copied(self) -> Path:
        """An untouched copy of the package, without git."""
        copy = self.path.parent / "copy"
        git(self.path, "worktree", "add", "-q", "--detach", str(copy))
        (copy / ".git").unlink()
        return copy


class CheckoutTest(Repository):
    def refused(self, text: str):
        with self.assertRaisesRegex(ExportError, text) as caught:
            checkout.check(self.path, self.commit, self.tree)
        self.assertEqual(caught.exception.code, USAGE)
        self.assertTrue(caught.exception.hint)

    def test_clean_checkout_is_accepted(self):
        self.assertEqual(checkout.check(self.path, self.commit, self.tree), self.path)
        self.assertEqual(self.inspected(), checkout.Checkout(self.path, self.commit, self.tree))

    def test_files_outside_the_package_and_bytecode_do_not_matter(self):
        (self.path / "notebook.txt").unlink()
        (self.path / "dinov3" / "__pycache__").mkdir()
        (self.path / "dinov3" / "__pycache__" / "a.pyc").write_text("")
        checkout.check(self.path, self.commit, self.tree)

    def test_a_later_commit_with_the_same_package_is_accepted(self):
        git(self.path, "rm", "-q", "notebook.txt")
        git(self.path, "commit", "-q", "-m", "d")
        self.assertNotEqual(self.inspected().commit, self.commit)
        self.assertIsNone(self.inspected().diff)

    def test_changed_removed_and_added_files(self):
        self.module.write_text("x = 2\n")
        self.refused("dinov3/train/a.py")
        self.module.unlink()
        self.refused("dinov3/train/a.py")
        git(self.path, "checkout", "-q", "--", ".")
        (self.path / "dinov3" / "b.py").write_text("")
        self.refused("dinov3/b.py")

    def test_a_changed_commit(self):
        self.module.write_text("x = 2\n")
        git(self.path, "commit", "-q", "-a", "-m", "d")
        self.refused("dinov3/train/a.py")

    def test_the_index_is_not_believed(self):
        for flag in ("--assume-unchanged", "--skip-worktree"):
            git(self.path, "update-index", flag, "dinov3/train/a.py")
            self.module.write_text("x = 2\n")
            self.assertEqual(git(self.path, "status", "--porcelain"), "")
            self.refused("dinov3/train/a.py")
            git(self.path, "update-index", flag.replace("--", "--no-"), "dinov3/train/a.py")
            git(self.path, "checkout", "-q", "--", ".")

    def test_ignored_modules(self):
        for name in ("hidden.py", "hidden.so", "hidden.pyc"):
            (self.path / "dinov3" / name).write_text("")
            self.refused(f"dinov3/{name}")
            (self.path / "dinov3" / name).unlink()

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
        git(self.path, "mv", "notebook.txt", "dinov3/train.txt")
        program = self.path / "dinov3" / "train-it"
        program.write_text("#!/bin/sh\n")
        program.chmod(0o755)
        git(self.path, "add", ".")
        former, self.tree = self.tree, git(self.path, "write-tree", "--prefix=dinov3/")
        (self.path / ".git").rename(self.path / "elsewhere")
        self.assertEqual(checkout.check(self.path, self.commit, self.tree), self.path)
        with self.assertRaisesRegex(ExportError, f"has the tree {self.tree}, not {former}"):
            checkout.check(self.path, self.commit, former)
        program.chmod(0o644)
        self.refused("not as committed")


class PatchedTest(Repository):
    """What a candidate's manifest says of a patched checkout."""

    def patch(self, path: Path):
        (path / "dinov3" / "train" / "a.py").write_text("x = 1\ny = 3\nz = 4\n")
        (path / "dinov3" / "new.py").write_text("import torch_npu")

    def told(self, found: checkout.Checkout) -> dict:
        self.assertEqual(found.diff.files, (("dinov3/new.py", 1, 0), ("dinov3/train/a.py", 2, 1)))
        self.assertEqual(found.diff.said(), "2 files changed, 3 lines added, 1 removed")
        return found.manifest()

    def test_files_lines_hash_and_text(self):
        self.patch(self.path)
        said = self.told(self.inspected())
        self.assertEqual((said["commit"], said["clean"]), (self.commit, False))
        self.assertNotEqual(said["tree"], self.tree)
        text = said["diff"]["text"]
        self.assertEqual(text, (
            "--- /dev/null\n+++ b/dinov3/new.py\n@@ -0,0 +1 @@\n+import torch_npu\n\\ No newline at end of file\n"
            "--- a/dinov3/train/a.py\n+++ b/dinov3/train/a.py\n@@ -1,2 +1,3 @@\n x = 1\n-y = 2\n+y = 3\n+z = 4\n"))
        self.assertEqual(said["diff"]["sha256"], hashlib.sha256(text.encode()).hexdigest())
        self.assertEqual(said["diff"]["files"][1], {"path": "dinov3/train/a.py", "added": 2, "removed": 1})

    def test_a_clean_checkout_has_no_difference(self):
        self.assertEqual(self.inspected().manifest(), {"commit": self.commit, "tree": self.tree, "clean": True})

    def test_a_folder_without_git_wants_an_untouched_one(self):
        copy = self.copied()
        self.patch(copy)
        with self.assertRaisesRegex(ExportError, "not as committed") as caught:
            checkout.inspect(copy, self.commit, self.tree)
        self.assertIn("--pristine", caught.exception.hint)
        found = checkout.inspect(copy, self.commit, self.tree, self.path)
        self.assertIsNone(self.told(found)["commit"])
        with self.assertRaisesRegex(ExportError, "is not the reference's commit"):
            checkout.inspect(copy, self.commit, self.tree, copy)

    def test_a_long_difference_is_known_by_its_hash(self):
        self.module.write_text("x = 1\n" * (difference.LONGEST // 6))
        said = self.inspected().manifest()["diff"]
        self.assertNotIn("text", said)
        self.assertEqual(len(said["sha256"]), 64)

    def test_bits_of_mode_and_binary_files(self):
        self.module.chmod(0o755)
        (self.path / "dinov3" / "op.so").write_bytes(b"\0\xff")
        text = self.inspected().manifest()["diff"]["text"]
        self.assertIn("mode 100644 -> 100755 of dinov3/train/a.py", text)
        self.assertIn("Binary files /dev/null and b/dinov3/op.so differ", text)
        git(self.path, "config", "core.fileMode", "false")
        self.assertEqual(self.inspected().diff.files, (("dinov3/op.so", 0, 0),))


if __name__ == "__main__":
    unittest.main()
