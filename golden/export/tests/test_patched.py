"""A port as it is published, patched: its recording is a candidate that tells its patch, and holds the patch's defects."""

import json
import os
import tempfile
import unittest
from pathlib import Path

from dinov3_export import USAGE, cli
from tests import patched, reference

SETS = cli.SETS


def records(folder: Path, precision: str) -> dict[str, dict]:
    """The records of a set at a precision, by name."""
    entries = json.loads((folder / "manifest.json").read_text())["entries"]
    return {entry["name"]: entry["records"][precision] for entry in entries if precision in entry["records"]}


@reference.needed
class PatchedTest(unittest.TestCase):
    """To see it fail: empty `patched.AVERAGE`. `run --suite training` on the same candidate says "the average did not receive
    the student" at both precisions."""

    def test_the_defects_are_in_the_candidate_and_the_patch_in_its_manifest(self):
        pristine = Path(os.environ["DINOV3_REFERENCE"]).resolve()
        with tempfile.TemporaryDirectory() as folder:
            port, out = patched.copy(pristine, Path(folder) / "port"), Path(folder) / "out"
            refused = reference.run("record.py", "--reference", port, "--out", out, "train_micro_10")
            self.assertEqual(refused.returncode, USAGE)
            self.assertIn("not as committed", refused.stderr)
            done = reference.run("record.py", "--reference", port, "--pristine", pristine, "--candidate-of", SETS, "--out", out,
                                 "train_micro_10", pinned=True)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertIn("the checkout is patched: 2 files changed, 27 lines added, 0 removed", done.stdout)
            said = json.loads((out / "train_micro_10" / "manifest.json").read_text())["checkout"]
            self.assertFalse(said["clean"])
            self.assertEqual([file["path"] for file in said["diff"]["files"]], sorted(patched.PATCHES))
            self.assertIn("torch._foreach_add(teachers", said["diff"]["text"])
            for precision in ("fp32", "bf16"):
                golden, mine = (records(root / "train_micro_10", precision) for root in (SETS, out))
                other = [name for name in golden if mine[name]["sha256"] != golden[name]["sha256"]]
                averages = [name for name in golden if name.startswith("param:teacher.")]
                # Where the fingerprint is the golden set's, nothing else differs.
                self.assertLessEqual(set(averages), set(other))


if __name__ == "__main__":
    unittest.main()
