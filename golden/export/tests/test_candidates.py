"""Candidates: which sets, at which precisions, from which inputs, in which process, and what becomes of a set that is there."""

import importlib.util
import json
import signal
import struct
import tempfile
import unittest
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from unittest import mock

from dinov3_export import FAILED, USAGE, ExportError, candidates, cli, jobs, recording, writer
from dinov3_export.checkout import Checkout
from dinov3_export.recipe import Recipe, load_sets

HAS_NUMPY = importlib.util.find_spec("numpy") is not None
SETS = cli.SETS
# A recording process that writes what a precision consists of, dies at a set of the name `dies`, and refuses `refused`.
SCRIPT = """
import json, os, signal, struct, sys, zlib, hashlib
job = json.load(open(sys.argv[2]))
for job in job["jobs"]:
    name, precision, work = job["recipe"]["name"], job["precision"], job["work"]
    open(os.environ["PROCESSES"], "a").write(f"{os.getpid()} {name} {precision}\\n")
    if name == "dies":
        os.kill(os.getpid(), signal.SIGKILL)
    if name == "refused":
        json.dump({"message": "no", "hint": "why", "code": 2}, open(f"{work}/{precision}.failed.json", "w"))
        continue
    data = {"fp32": b"\\0\\0\\0\\0", "bf16": b"\\0\\0\\x80\\x3f"}[precision]
    header = json.dumps({"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}).encode()
    for file in (f"{precision}.safetensors", f"{precision}.inputs.safetensors"):
        with open(f"{work}/{file}", "wb") as out:
            out.write(struct.pack("<Q", len(header)) + header + (data if "inputs" not in file else b"\\0\\0\\0\\0"))
    stats = {"non_finite": 0, "min": 0.0, "max": 0.0, "mean": 0.0, "l2": 0.0}
    record = {"dtype": "F32", "shape": [1], "storage": "full", "tensor": "a", "stats": stats,
              "sha256": hashlib.sha256(data).hexdigest(), "crc32": f"{zlib.crc32(data):08x}"}
    result = {"fingerprint": {"torch": "2"}, "versions": {"python": "3", "mode": "eager"}, "config": {}, "teacher_config": None,
              "entries": [{"name": "a", "stage": "forward", "record": record}], "absent": [], "activations": False}
    json.dump(result, open(f"{work}/{precision}.json.part", "w"))
    os.rename(f"{work}/{precision}.json.part", f"{work}/{precision}.json")
"""


class ChosenTest(unittest.TestCase):
    """What is recorded, by the committed sets."""

    def test_profiles_and_names(self):
        names = [path.name for path in candidates.sets_of(SETS, [], "full")]
        quick = [path.name for path in candidates.sets_of(SETS, [], "quick")]
        self.assertEqual(set(names) - set(quick), {"vit_large", "train_vit_large"})
        self.assertEqual([p.name for p in candidates.sets_of(SETS, ["micro", "losses"], "full")], ["micro", "losses"])
        self.assertEqual([p.name for p in candidates.sets_of(SETS / "micro", [], "full")], ["micro"])
        for folder, words, text, hint in (
            (SETS, ["mcro"], "holds no set `mcro`", "did you mean `micro`"), (SETS / "nowhere", [], "no such folder", "golden/sets"),
            (SETS / "micro" / "..", ["x"], "no set `x`", "it holds: data, losses"),
        ):
            with self.assertRaisesRegex(ExportError, text) as caught:
                candidates.sets_of(folder, words, "full")
            self.assertIn(hint, caught.exception.hint)

    def test_each_set_has_its_own_precisions(self):
        known = load_sets(cli.SETS_FILE)
        self.assertEqual(candidates.precisions_of(known["micro"], None), ["fp32", "bf16"])
        self.assertEqual(candidates.precisions_of(known["vit_small"], ["fp32", "bf16"]), ["fp32"])
        self.assertEqual(candidates.precisions_of(known["vit_small"], ["bf16"]), [])
        with self.assertRaisesRegex(ExportError, "has no truth"):
            candidates.precisions_of(known["micro"], ["truth"])

    def test_another_torch_is_told_to_bring_weights_before_it_records(self):
        known = load_sets(cli.SETS_FILE)
        wanted = [(known[name], ["fp32"], candidates.Sources(SETS / name)) for name in ("micro", "train_micro_10", "losses", "train_micro")]
        said = candidates.drawn_anew(wanted, "2.15.0")
        self.assertIn("torch 2.15.0 may draw other initial weights than torch 2.8.0, which recorded micro, train_micro;", said)
        self.assertIsNone(candidates.drawn_anew(wanted, "2.8.0"))
        brought = [(known["micro"], ["fp32"], candidates.Sources(SETS / "micro", Path("micro.weights.safetensors")))]
        self.assertIsNone(candidates.drawn_anew(brought, "2.15.0"))

    def test_compiled_code_is_recorded_at_bf16(self):
        parse = lambda *words: cli.parser().parse_intermixed_args(["--candidate-of", str(SETS), "--out", "o", "--compile", *words])
        given = parse()
        cli._check(given)
        self.assertEqual(given.precision, ["bf16"])
        with self.assertRaisesRegex(ExportError, "recorded at bf16"):
            cli._check(parse("--precision", "fp32"))

    def test_what_does_not_reveal_its_backward_order_is_refused_at_once(self):
        known = load_sets(cli.SETS_FILE)
        for name, precisions in (("train_ranks", ["fp32", "bf16"]), ("train_ranks", ["bf16"]), ("train_micro", ["bf16"])):
            with self.assertRaisesRegex(ExportError, f"{name} at .*does not reveal"):
                known[name].check_order(precisions, False)
            known[name].check_order(precisions, True)
        for name, precisions in (("train_ranks", ["truth", "bf16"]), ("train_micro", ["fp32", "bf16"]), ("train_micro", ["fp32"]),
                                 ("micro", ["bf16"]), ("losses", ["bf16"])):
            known[name].check_order(precisions, False)

    def test_a_job_that_is_told_to_end_is_interrupted(self):
        self.addCleanup(signal.signal, signal.SIGTERM, signal.getsignal(signal.SIGTERM))
        told = StringIO()
        with mock.patch.object(cli, "_run", side_effect=lambda _: signal.raise_signal(signal.SIGTERM)), redirect_stderr(told):
            self.assertEqual(cli.main([]), 130)
        self.assertEqual(told.getvalue(), "interrupted; nothing was replaced\n")

    def test_every_committed_set_is_its_recipe_in_sets_toml(self):
        known = load_sets(cli.SETS_FILE)
        for folder in candidates.sets_of(SETS, [], "full"):
            self.assertIs(candidates.recipe_of(folder, known), known[folder.name])

    def test_a_set_of_one_s_own_is_read_out_of_its_manifest(self):
        known = load_sets(cli.SETS_FILE)
        for name in ("micro", "losses", "data", "train_micro_10", "train_gram", "trajectory_0"):
            recipe = candidates.recipe_of(SETS / name, {})
            mine = known[name]
            for key in ("overrides", "seed", "warm", "stages", "precisions", "batch_size", "sample_limit", "activations", "has_state",
                        "world_size", "intermediate", "loss_battery", "data_battery"):
                self.assertEqual(getattr(recipe, key), getattr(mine, key), f"{name} {key}")
            self.assertEqual([recipe.records_trajectory(p) for p in ("fp32", "bf16")],
                             [mine.records_trajectory(p) for p in ("fp32", "bf16")], name)
        with self.assertRaisesRegex(ExportError, "distils from a teacher"):
            candidates.recipe_of(SETS / "train_distill", {})


@unittest.skipUnless(HAS_NUMPY, "needs NumPy")
class SequenceTest(unittest.TestCase):
    """All sets in one process, by a stand-in for the recording process."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name).resolve()
        self.out, self.log = self.folder / "out", self.folder / "processes"
        (self.folder / "record.py").write_text(SCRIPT)
        for patch in (mock.patch.object(jobs, "PROGRAM", self.folder / "record.py"),
                      mock.patch.dict("os.environ", {"PROCESSES": str(self.log)})):
            patch.start()
            self.addCleanup(patch.stop)

    def settings(self, checkout: Checkout | None = None, **options) -> recording.Settings:
        checkout = checkout or Checkout(self.folder, "c" * 40, "t" * 40)
        return recording.Settings(checkout, self.out, pinned=False, candidate=True, **options)

    def record(self, *names: str, precisions=("fp32", "bf16"), settings=None, **options) -> int:
        """Records sets of these names, whose golden sets are made up on the spot."""
        wanted = []
        for name in names:
            recipe = Recipe(name=name, description="", precisions=("truth", "fp32", "bf16"), photographs=("astronaut.jpg",), **options)
            wanted.append((recipe, list(precisions), candidates.Sources()))
        self.told = StringIO()
        with redirect_stderr(self.told), redirect_stdout(self.told):
            return candidates.Sequence(settings or self.settings()).record(wanted)

    def manifest(self, name: str) -> dict:
        return json.loads((self.out / name / "manifest.json").read_text())

    def test_all_sets_share_a_process(self):
        self.assertEqual(self.record("a", "b"), 0)
        rows = [line.split() for line in self.log.read_text().splitlines()]
        self.assertEqual([row[1:] for row in rows], [["a", "fp32"], ["a", "bf16"], ["b", "fp32"], ["b", "bf16"]])
        self.assertEqual(len({row[0] for row in rows}), 1)
        found = self.manifest("b")
        self.assertEqual(list(found["precisions"]), ["fp32", "bf16"])
        self.assertEqual(found["checkout"], {"commit": "c" * 40, "tree": "t" * 40, "clean": True})
        self.assertRegex(found["recorder"]["recorded"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
        self.assertEqual(sorted(path.name for path in self.out.iterdir()), ["a", "b"])

    def test_a_set_that_kills_its_process_or_is_refused_does_not_keep_the_others_from_it(self):
        self.assertEqual(self.record("a", "dies", "refused", "b"), FAILED)
        self.assertEqual(sorted(path.name for path in self.out.iterdir()), ["a", "b"])
        said = self.told.getvalue()
        self.assertIn("dies: the recording process was ended by signal 9", said)
        self.assertIn("refused: no\nhint: why", said)
        self.assertIn("2 of 4 sets were not recorded: dies, refused", said)
        self.assertEqual(self.record("refused"), USAGE)

    def test_a_precision_is_added_to_a_recorded_set(self):
        self.record("a", precisions=["bf16"])
        before = (self.out / "a" / "bf16.safetensors").read_bytes()
        self.assertEqual(self.record("a", precisions=["fp32"]), 0, self.told.getvalue())
        self.assertIn("a: recorded fp32, bf16 as before", self.told.getvalue())
        self.assertEqual(list(self.manifest("a")["precisions"]), ["fp32", "bf16"])
        self.assertEqual(list(self.manifest("a")["entries"][0]["records"]), ["fp32", "bf16"])
        self.assertEqual((self.out / "a" / "bf16.safetensors").read_bytes(), before)

    def test_a_precision_is_not_added_to_another_recipe_s_or_another_checkout_s_set(self):
        self.record("a", precisions=["bf16"])
        self.assertEqual(self.record("a", precisions=["fp32"], seed=7), USAGE)
        self.assertIn("seed: 0 there, 7 here", self.told.getvalue())
        other = self.settings(Checkout(self.folder, None, "u" * 40))
        self.assertEqual(self.record("a", precisions=["fp32"], settings=other), USAGE)
        self.assertIn("another checkout of the reference", self.told.getvalue())
        self.assertEqual(list(self.manifest("a")["precisions"]), ["bf16"])

    def test_a_file_in_the_place_of_a_set(self):
        self.out.mkdir()
        (self.out / "a").write_text("")
        self.assertEqual(self.record("a"), USAGE)
        self.assertIn("is a file, not a set", self.told.getvalue())


class RefusedTest(unittest.TestCase):
    """Options that contradict each other, before anything is imported or read."""

    def run_main(self, *arguments: str) -> tuple[int, str]:
        told = StringIO()
        with redirect_stderr(told), redirect_stdout(told):
            code = cli.main(list(arguments))
        return code, told.getvalue()

    def test_each_is_named(self):
        for arguments, text in (
            (["--candidate-of", str(SETS), "micro"], "not recorded among the golden sets"),
            (["--candidate-of", str(SETS), "--out", "/x", "--name", "a"], "give one of the two"),
            (["--compile", "micro"], "--compile is for candidates"),
            (["--pristine", "x", "micro"], "--pristine is for candidates"),
            (["--out", "/dev/null", "micro"], "/dev/null is no folder"),
            (["--out", f"{__file__}/x", "micro"], "is no folder"),
            (["mcro"], "did you mean `micro`?"),
            (["micro"], "--reference PATH is missing"),
        ):
            code, told = self.run_main(*arguments)
            self.assertEqual(code, USAGE, told)
            self.assertIn(text, told)
            self.assertIn("hint: ", told)


@unittest.skipUnless(HAS_NUMPY, "needs NumPy")
class ChecksumsTest(unittest.TestCase):
    """CRC-32 that is added to a set."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def set(self, name: str, *records: dict) -> Path:
        target = self.folder / name
        target.mkdir()
        header = json.dumps({"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}).encode()
        (target / "fp32.safetensors").write_bytes(struct.pack("<Q", len(header)) + header + b"abcd")
        rows = [{"name": f"n{i}", "stage": "forward", "records": {"fp32": record}} for i, record in enumerate(records)]
        writer.write_manifest(target, {"precisions": {"fp32": {}}, "entries": rows})
        return target

    def test_from_stored_bytes_and_from_other_recordings(self):
        from dinov3_export import checksums

        whole = {"storage": "full", "tensor": "a", "sha256": "88d4266fd4e6338d13b845fcf289579d209c897823b9217da3e161936f031589", "spread": 1}
        self.set("other", {"storage": "sample", "sha256": "b", "crc32": "0000000b"})
        target = self.set("set", whole, {"storage": "digest", "sha256": "b"}, {"storage": "digest", "sha256": "c"})
        found = checksums.add(target, checksums.known([self.folder / "other"]))
        self.assertEqual(found, ({"fp32": 2}, {"fp32": 1}))
        records = [entry["records"]["fp32"] for entry in json.loads((target / "manifest.json").read_text())["entries"]]
        self.assertEqual([record.get("crc32") for record in records], ["ed82cd11", "0000000b", None])
        self.assertEqual(list(records[0]), ["storage", "tensor", "sha256", "crc32", "spread"])
        self.assertIn("manifest.json", (target / "SHA256SUMS").read_text())

    def test_bytes_that_are_not_the_record_s_are_refused(self):
        from dinov3_export import checksums

        target = self.set("set", {"storage": "full", "tensor": "a", "sha256": "0" * 64})
        with self.assertRaisesRegex(ExportError, "has not the SHA-256 of its record"):
            checksums.add(target, {})


if __name__ == "__main__":
    unittest.main()
