"""The committed training sets hang together: a state is where the recorded run was, a meter's figures are those of its
values. Needs no package."""

import hashlib
import json
import math
import struct
import unittest
from pathlib import Path

from dinov3_export import cli, names, stages

SETS = cli.GOLDEN / "sets"
FREE = "train_micro"


def tensors(path: Path) -> dict[str, tuple[str, bytes]]:
    """Dtype and bytes of every tensor of a safetensors file."""
    data = path.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    header, body = json.loads(data[8 : 8 + length]), data[8 + length :]
    header.pop("__metadata__", None)
    return {name: (entry["dtype"], body[slice(*entry["data_offsets"])]) for name, entry in header.items()}


class Recorded:
    """A committed set's records and stored values."""

    def __init__(self, name: str) -> None:
        self.manifest = json.loads((SETS / name / "manifest.json").read_text(encoding="utf-8"))
        self.records = {entry["name"]: entry["records"] for entry in self.manifest["entries"]}
        self._folder, self._files = SETS / name, {}

    def values(self, precision: str, name: str) -> tuple:
        """The stored elements of an entry of floating numbers."""
        if precision not in self._files:
            self._files[precision] = tensors(self._folder / f"{precision}.safetensors")
        dtype, data = self._files[precision][self.records[name][precision]["tensor"]]
        code = {"F64": "d", "F32": "f"}[dtype]
        return struct.unpack(f"<{len(data) // struct.calcsize(code)}{code}", data)


def hashes(name: str) -> dict[str, str]:
    """The SHA-256 of every tensor of a set's state but the random stream."""
    found = {key: hashlib.sha256(data).hexdigest() for key, (_, data) in tensors(SETS / name / "state.safetensors").items()}
    found.pop("rng")
    return found


@unittest.skipUnless((SETS / FREE).is_dir(), "the training sets are not here")
class NamesTest(unittest.TestCase):
    def test_every_entry_is_of_a_kind_and_every_kind_is_used(self):
        """Seen to fail: with `gram` left out of kinds.json, and with `full` for its parameters of stage `ema`."""
        used = set()
        for path in sorted(SETS.glob("*/manifest.json")):
            manifest = json.loads(path.read_text(encoding="utf-8"))
            activations = (manifest["recipe"].get("training") or {}).get("activations", False)
            for entry in manifest["entries"]:
                name, stage = names.split(entry["name"]), entry["stage"]
                limit = stages.sample_limit(stage, manifest["sample_limit"] or 0, activations)
                self.assertEqual(str(name), entry["name"])
                kept = names.kept(entry["name"], stage)
                used.add((name.kind, stage))
                for precision, record in entry["records"].items():
                    small = limit == 0 or math.prod(record["shape"]) <= limit
                    storage = "full" if kept == "sample" and small else kept
                    self.assertEqual(record["storage"], storage, (path.parent.name, entry["name"], precision))
        self.assertEqual(used, {(kind, stage) for kind, row in names.KINDS.items() for stage in row["stages"]})


@unittest.skipUnless((SETS / FREE).is_dir(), "the training sets are not here")
class ChainTest(unittest.TestCase):
    def test_the_state_after_one_step_is_that_step_s_result(self):
        records = Recorded(FREE).records
        for key, found in hashes("train_micro_1").items():
            kind, _, path = key.partition(".")
            self.assertEqual(found, records[f"{kind}:{path}"]["fp32"]["sha256"], key)

    def test_the_state_after_a_hundred_steps_is_the_end_of_the_run(self):
        records, state = Recorded(FREE).records, hashes("train_micro_100")
        for key, found in state.items():
            self.assertEqual(found, records[f"final:{key.removeprefix('param.')}"]["fp32"]["sha256"], key)
        self.assertEqual(len(state), sum(name.startswith("final:") for name in records))

    def test_a_step_from_a_state_loses_what_that_step_of_the_run_lost(self):
        run = Recorded(FREE)
        for step in (1, 10):
            single = Recorded(f"train_micro_{step}")
            for name in ("total_loss", "koleo_loss", "ibot_loss"):
                self.assertEqual(single.values("fp32", f"loss:{name}")[0], run.values("fp32", f"trajectory:{name}")[step])


@unittest.skipUnless((SETS / FREE).is_dir(), "the training sets are not here")
class FiguresTest(unittest.TestCase):
    def test_totals_are_float64_sums_over_all_ranks(self):
        for path in sorted(SETS.glob("train_*")):
            recorded = Recorded(path.name)
            ranks = recorded.manifest["recipe"]["world_size"]
            for name, records in recorded.records.items():
                if not name.startswith("metric:"):
                    continue
                for precision in records:
                    values = recorded.values(precision, name.replace("metric:", "trajectory:"))
                    total = 0.0
                    for value in values:
                        total += value
                    _, _, mean, largest, last, summed = recorded.values(precision, name)
                    expected = (total * ranks / (len(values) * ranks), max(values[-20:]), values[-1], total * ranks)
                    self.assertEqual((mean, largest, last, summed), expected, f"{path.name} {precision} {name}")

    def test_the_ranks_of_a_batch_are_counted(self):
        for path in sorted(SETS.glob("train_*")):
            recorded = Recorded(path.name)
            recipe = recorded.manifest["recipe"]
            for precision in recorded.records.get("trajectory:global_batch_size", ()):
                values = recorded.values(precision, "trajectory:global_batch_size")
                self.assertEqual(set(values), {float(recipe["world_size"] * recipe["batch_size"])}, path.name)
                self.assertEqual(len(values), recipe["training"]["steps"], path.name)

    def test_the_tables_have_a_row_for_each_parameter(self):
        for path in sorted(SETS.glob("train_*")):
            recorded = Recorded(path.name)
            parameters = [name for name in recorded.records if name.startswith("param:student.")]
            self.assertEqual(recorded.records["groups:lr_multiplier"]["fp32"]["shape"], [len(parameters)], path.name)
            gradients = [name for name in recorded.records if name.startswith("grad:")]
            self.assertEqual(len(gradients), len(parameters), path.name)
            self.assertIn("last_layer", gradients[0])
            self.assertEqual(gradients[-1].split(".")[1], "backbone")


@unittest.skipUnless((SETS / FREE).is_dir(), "the training sets are not here")
class ActivationsTest(unittest.TestCase):
    """Seen to fail: on a recording that kept the outputs in the order of the forward pass."""

    def test_each_gradient_by_an_output_has_its_output_and_they_come_in_reverse(self):
        recorded = Recorded("train_micro_10")
        entries = recorded.manifest["entries"]
        self.assertIs(recorded.manifest["recipe"]["training"]["activations"], True)
        outputs = [entry["name"] for entry in entries if entry["stage"] == "forward"]
        gradients = [names.split(entry["name"]) for entry in entries if entry["name"].startswith("gradout:")]
        of = [str(names.Name("output", name.path, name.call, name.port)) for name in gradients]
        self.assertEqual([name for name in reversed(outputs) if name in set(of)], of)
        self.assertTrue(all(name.path.startswith("student.") and name.port != "in" for name in gradients))
        for gradient, output in zip(gradients, of):
            for precision, record in recorded.records[str(gradient)].items():
                self.assertEqual(record["shape"], recorded.records[output][precision]["shape"])
        # What the loss depends on has a gradient: each output of the student's networks that another module takes.
        for place in ("blocks.1.mlp.fc2", "blocks.1.attn.qkv", "blocks.1.ls2#1", "blocks.2:1", "patch_embed.proj#1"):
            self.assertIn(f"student.backbone.{place}", of)
        self.assertIn("student.dino_head.last_layer", of)

    def test_the_truth_has_none_of_them_and_the_others_have_all(self):
        for entry in Recorded("train_micro_10").manifest["entries"]:
            activation = entry["stage"] == "forward" or entry["name"].startswith("gradout:")
            recorded = {"fp32", "bf16"} if activation else {"truth", "fp32", "bf16"}
            self.assertEqual(set(entry["records"]), recorded, entry["name"])


@unittest.skipUnless((SETS / FREE).is_dir(), "the training sets are not here")
class SharesTest(unittest.TestCase):
    def shares(self, name: str) -> dict[str, list[int]]:
        """The rows that each rank holds of every parameter, where FSDP2 cuts it."""
        recorded = Recorded(name)
        ranks, found = recorded.manifest["recipe"]["world_size"], {}
        for entry, records in recorded.records.items():
            if entry.startswith("param:student."):
                rows = records["fp32"]["shape"][0]
                piece = -(-rows // ranks)
                found[entry.removeprefix("param:student.")] = [
                    min(max(rows - rank * piece, 0), piece) for rank in range(ranks)
                ]
        return found

    def test_two_and_four_ranks_take_twenty_steps_at_every_precision(self):
        for name, ranks in (("train_ranks", 2), ("train_ranks_4", 4)):
            recipe = Recorded(name).manifest["recipe"]
            self.assertEqual((recipe["world_size"], recipe["training"]["steps"]), (ranks, 20))
            finals = [records for entry, records in Recorded(name).records.items() if entry.startswith("final:student.")]
            self.assertTrue(finals)
            self.assertTrue(all(set(records) == {"fp32", "bf16"} for records in finals))

    def test_four_ranks_share_rows_in_every_way_that_goes_wrong(self):
        shares = self.shares("train_ranks_4")
        self.assertEqual(shares["backbone.cls_token"], [1, 0, 0, 0])
        self.assertEqual(shares["dino_head.mlp.4.weight"], [3, 3, 3, 0])
        self.assertEqual(shares["ibot_head.mlp.4.weight"], [2, 2, 1, 0])
        self.assertEqual(shares["dino_head.mlp.0.bias"], [32, 32, 32, 30])
        self.assertEqual(shares["dino_head.last_layer.weight"], [63, 63, 63, 61])
        self.assertEqual(shares["ibot_head.mlp.0.weight"], [17, 17, 17, 14])
        self.assertEqual(shares["backbone.blocks.0.attn.qkv.weight"], [48, 48, 48, 48])


if __name__ == "__main__":
    unittest.main()
