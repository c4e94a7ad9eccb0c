"""The recorder of trajectories: hashes of states, columns, resuming, the calls that the program makes of "cuda"."""

import contextlib
import hashlib
import importlib.util
import io
import json
import struct
import tempfile
import unittest
from pathlib import Path

from dinov3_export import ExportError, gathering, trajectory_cli

HAS_TORCH = importlib.util.find_spec("torch") is not None and importlib.util.find_spec("numpy") is not None


def columns(values: dict[str, tuple[str, list]]) -> bytes:
    """A safetensors file of columns."""
    header, data = {}, b""
    for name, (dtype, numbers) in values.items():
        raw = struct.pack(f"<{len(numbers)}{ {'F64': 'd', 'F32': 'f', 'I64': 'q'}[dtype]}", *numbers)
        header[name] = {"dtype": dtype, "shape": [len(numbers)], "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def read(file: bytes) -> dict[str, tuple[str, list]]:
    (length,) = struct.unpack("<Q", file[:8])
    header, body = json.loads(file[8 : 8 + length]), file[8 + length :]
    found = {}
    for name, record in header.items():
        code = {"F64": "d", "F32": "f", "I64": "q"}[record["dtype"]]
        found[name] = record["dtype"], list(struct.unpack(f"<{record['shape'][0]}{code}", body[slice(*record["data_offsets"])]))
    return found


class GatherTest(unittest.TestCase):
    def finished(self, folder: Path, precision: str, steps: int = 20) -> Path:
        """What a finished recording leaves."""
        folder.mkdir()
        about = {"precision": precision, "program": "plain", "steps": steps, "horizon": 125000, "fingerprint": {"threads": 1},
                 "recorded": "2026-11-27"}
        hashes = {"step": 20, "weights": "0" * 64, "moments": "1" * 64, "streams": "2" * 64}
        (folder / gathering.RUN).write_text(json.dumps(about))
        (folder / gathering.STATES).write_text(json.dumps([hashes]))
        (folder / gathering.COLUMNS).write_bytes(columns({
            "step_total_loss": ("F32", [1.5] * steps), "iteration": ("I64", [0, 10]), "lr": ("F64", [0.0, 0.1]),
            "total_loss": ("F64", [1.5, float("inf")]),
        }))
        return folder

    def gather(self, place: Path, *runs: Path) -> dict:
        images = place / "images"
        (images / "train" / "n1").mkdir(parents=True)
        (images / "train" / "n1" / "n1_1.JPEG").write_bytes(b"image")
        (place / "recipe.yaml").write_text("student: {}\n")
        gathering.gather(list(runs), place / "out", place / "recipe.yaml", images, "a test")
        return json.loads((place / "out" / "manifest.json").read_text())

    def test_a_column_is_narrow_where_no_value_needs_more(self):
        wide = columns({"lr": ("F64", [0.1]), "loss": ("F64", [0.5, float("nan"), -0.0]), "iteration": ("I64", [3]),
                        "great": ("F64", [1e300])})
        found = read(gathering.compact(wide))
        self.assertEqual({name: dtype for name, (dtype, _) in found.items()},
                         {"lr": "F64", "loss": "F32", "iteration": "I64", "great": "F64"})
        self.assertEqual(str(found["loss"][1]), "[0.5, nan, -0.0]")
        self.assertEqual(found["lr"][1], [0.1])

    def test_a_manifest_says_what_was_run_and_where_its_columns_are(self):
        with tempfile.TemporaryDirectory() as place:
            place = Path(place)
            manifest = self.gather(place, self.finished(place / "a", "fp32"), self.finished(place / "b", "bf16"))
            self.assertEqual([run["precision"] for run in manifest["runs"]], ["fp32", "bf16"])
            for run in manifest["runs"]:
                file = (place / "out" / run["file"]).read_bytes()
                self.assertEqual(run["sha256"], hashlib.sha256(file).hexdigest())
                self.assertEqual(len(read(file)["step_total_loss"][1]), run["steps"])
            line = hashlib.sha256(b"image").hexdigest() + "  train/n1/n1_1.JPEG\n"
            self.assertEqual(manifest["dataset"]["sha256"], hashlib.sha256(line.encode()).hexdigest())

    def test_a_run_without_its_end_or_twice_is_refused(self):
        with tempfile.TemporaryDirectory() as place:
            place = Path(place)
            run = self.finished(place / "a", "fp32")
            with self.assertRaisesRegex(ExportError, "two runs have the same precision: fp32, fp32"):
                self.gather(place, run, run)
            (run / gathering.RUN).unlink()
            with self.assertRaisesRegex(ExportError, "holds no finished recording: run.json is missing"):
                gathering.gather([run], place / "out", place / "recipe.yaml", place / "images", "a test")


class CommandLineTest(unittest.TestCase):
    def refused(self, *arguments: str) -> tuple[int, str]:
        said = io.StringIO()
        with contextlib.redirect_stderr(said):
            code = trajectory_cli.main(list(arguments))
        return code, said.getvalue()

    def test_what_cannot_be_recorded_is_refused(self):
        job = trajectory_cli.parser().parse_args(["run", "--reference", "r", "--out", "o", "--precision", "bf16"])
        with self.assertRaisesRegex(ExportError, "plain modules are the program's in fp32 alone"):
            trajectory_cli._job(job, Path("r"), Path("o"))
        job = trajectory_cli.parser().parse_args(["run", "--reference", "r", "--out", "o", "--every", "0"])
        with self.assertRaisesRegex(ExportError, "--every must be at least 1"):
            trajectory_cli._job(job, Path("r"), Path("o"))
        self.assertEqual(self.refused(), (2, "error: no command is given\nhint: run records a run, gather puts runs together\n"))


@unittest.skipUnless(HAS_TORCH, "needs torch")
class HashTest(unittest.TestCase):
    def test_a_hash_is_over_names_and_bytes_in_the_order_of_names(self):
        import torch

        from dinov3_export.trajectory import digest_of

        tensors = {"b": torch.tensor([1.0, 2.0]), "a": torch.tensor(3, dtype=torch.bfloat16)}
        wanted = hashlib.sha256(b"a\0" + bytes.fromhex("4040") + b"b\0" + struct.pack("<2f", 1, 2)).hexdigest()
        self.assertEqual(digest_of(tensors), wanted)
        # A transposed tensor is hashed in the order of its indices.
        self.assertEqual(digest_of({"x": torch.tensor([[1.0, 2.0], [3.0, 4.0]]).t()}),
                         digest_of({"x": torch.tensor([[1.0, 3.0], [2.0, 4.0]])}))


@unittest.skipUnless(HAS_TORCH, "needs torch")
class RoundedTest(unittest.TestCase):
    def test_logarithm_and_exponential_are_those_of_float64(self):
        import torch

        from dinov3_export.program import Rounded

        values = torch.linspace(0.1, 4, 4096)
        self.assertTrue(torch.equal(Rounded.log(values), values.double().log().float()))
        self.assertTrue(torch.equal(Rounded.exp(values), values.double().exp().float()))
        self.assertIs(Rounded().rand, torch.rand)
