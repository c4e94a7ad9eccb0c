"""The scored difference between two sets."""

import importlib.util
import json
import struct
import tempfile
import unittest
from pathlib import Path

HAS_NUMPY = importlib.util.find_spec("numpy") is not None


def write_set(folder: Path, tensors: dict[str, list[float]], hashes: dict[str, str] | None = None) -> Path:
    """A folder with the parts of a set that a comparison reads; `hashes` replaces what stands for the full hash."""
    folder.mkdir()
    header, data, entries = {}, b"", []
    for name, values in tensors.items():
        raw = struct.pack(f"<{len(values)}f", *values)
        header[name] = {"dtype": "F32", "shape": [len(values)], "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
        digest = (hashes or {}).get(name, raw.hex())
        record = {"dtype": "F32", "shape": [len(values)], "storage": "full", "tensor": name, "sha256": digest}
        entries.append({"name": name, "stage": "forward", "records": {"fp32": record}})
    text = json.dumps(header).encode()
    (folder / "fp32.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + data)
    (folder / "manifest.json").write_text(json.dumps({"name": folder.name, "entries": entries}))
    return folder


@unittest.skipUnless(HAS_NUMPY, "needs NumPy")
class ScoreTest(unittest.TestCase):
    def setUp(self):
        self._folder = tempfile.TemporaryDirectory()
        self.old = write_set(Path(self._folder.name) / "old", {"a": [3.0, 4.0], "b": [1.0], "c": [1.0], "gone": [1.0]})

    def tearDown(self):
        self._folder.cleanup()

    def test_another_spread_is_counted(self):
        from dinov3_export import score

        tensors = {"a": [3.0, 4.0], "b": [1.0], "c": [1.0], "gone": [1.0]}
        new = write_set(Path(self._folder.name) / "spread", tensors)
        self.assertNotIn("spread changed", score.report(self.old, new))
        manifest = json.loads((new / "manifest.json").read_text())
        manifest["entries"][0]["records"]["fp32"]["spread"] = {"runs": 1, "rel_l2": 0.5, "rel_max": 0.5}
        (new / "manifest.json").write_text(json.dumps(manifest))
        self.assertIn("spread changed in 1 records", score.report(self.old, new))
        self.assertIn("spread changed in 1 records", score.report(new, self.old))

    def compare(self, tensors, hashes=None):
        from dinov3_export import score

        new = write_set(Path(self._folder.name) / "new", tensors, hashes)
        rows, changes = score.compare(score.GoldenFolder(self.old), score.GoldenFolder(new))
        return rows, changes, score.report(self.old, new)

    def test_added_removed_identical_and_changed_are_told_apart(self):
        rows, changes, text = self.compare({"a": [3.0, 4.5], "b": [1.0], "c": [1.0, 2.0], "came": [1.0]})
        self.assertEqual(rows, [("forward", 4, 1, 1, 1)])
        self.assertEqual([(c.name, c.rel_l2) for c in changes], [("a", 0.1), ("c", None)])
        self.assertIn("shape [1] -> [2]", text)
        self.assertIn("1.000e-01", text)

    def test_a_difference_outside_the_sample_is_not_called_identical(self):
        rows, changes, text = self.compare({"a": [3.0, 4.0], "b": [1.0], "c": [1.0], "gone": [1.0]}, {"b": "other"})
        self.assertEqual(rows, [("forward", 4, 0, 0, 3)])
        self.assertIn("differs outside the sample", text)

    def test_of_a_trajectory_the_first_step_that_differs_is_told(self):
        from dinov3_export import score

        one = write_set(Path(self._folder.name) / "one", {"trajectory:total_loss": [3.0, 2.0, 1.0]})
        other = write_set(Path(self._folder.name) / "other", {"trajectory:total_loss": [3.0, 2.5, 1.0]})
        self.assertIn("(from step 1 on)", score.report(one, other))

    def test_changes_come_in_execution_order_though_a_stage_has_two_parts(self):
        from dinov3_export import score

        old = write_set(Path(self._folder.name) / "one", {"groups:x": [1.0], "loss:x": [1.0], "param:x": [1.0]})
        new = write_set(Path(self._folder.name) / "other", {"groups:x": [1.0], "loss:x": [2.0], "param:x": [2.0]})
        for folder in (old, new):
            manifest = json.loads((folder / "manifest.json").read_text())
            for entry, stage in zip(manifest["entries"], ("optimizer", "loss", "optimizer")):
                entry["stage"] = stage
            (folder / "manifest.json").write_text(json.dumps(manifest))
        self.assertIn("first in execution order: fp32 loss:x", score.report(old, new))

    def test_inputs_and_state_are_compared_though_no_record_speaks_of_them(self):
        from dinov3_export import score

        new = write_set(Path(self._folder.name) / "new", {"a": [3.0, 4.0], "b": [1.0], "c": [1.0], "gone": [1.0]})
        self.assertEqual(score.changed_files(self.old, new), [])
        (new / "state.safetensors").write_bytes(b"1")
        self.assertIn("state.safetensors is new", score.report(self.old, new))
        (self.old / "state.safetensors").write_bytes(b"2")
        self.assertIn("state.safetensors differs", score.report(self.old, new))
        (new / "state.safetensors").unlink()
        self.assertIn("state.safetensors is gone", score.report(self.old, new))

    def test_same_bytes(self):
        from dinov3_export import score

        self.assertTrue(score.same_bytes(self.old, self.old))
        new = write_set(Path(self._folder.name) / "new", {"a": [3.0, 4.0]})
        self.assertFalse(score.same_bytes(self.old, new))


if __name__ == "__main__":
    unittest.main()
