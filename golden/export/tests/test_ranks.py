"""Recording processes: one a rank, ended together. Needs no package."""

import sys
import tempfile
import time
import unittest
from pathlib import Path
from unittest import mock

from dinov3_export import FAILED, USAGE, ExportError, jobs

SCRIPT = """
import json, sys, time
job = json.load(open(sys.argv[2]))
rank = job["rank"]
open(f"{job['out']}/{rank}", "w").write("started")
time.sleep(job["seconds"][rank])
sys.exit(job["codes"][rank])
"""


class RanksTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        (self.folder / "record.py").write_text(SCRIPT)
        patched = mock.patch.object(jobs, "PROGRAM", self.folder / "record.py")
        patched.start()
        self.addCleanup(patched.stop)

    def run_ranks(self, seconds: list[float], codes: list[int]) -> float:
        job = {"task": "x", "out": str(self.folder), "seconds": seconds, "codes": codes}
        started = time.monotonic()
        try:
            jobs.run_worker(job, self.folder, False, len(codes))
        finally:
            self.passed = time.monotonic() - started
        return self.passed

    def test_every_rank_is_waited_for(self):
        self.assertGreater(self.run_ranks([0, 0.6], [0, 0]), 0.6)
        self.assertTrue((self.folder / "0").is_file() and (self.folder / "1").is_file())

    def test_where_one_fails_the_other_is_ended(self):
        for failing in (0, 1):
            seconds, codes = [60.0, 60.0], [0, 0]
            seconds[failing], codes[failing] = 0, 7
            with self.assertRaisesRegex(ExportError, "x failed") as caught:
                self.run_ranks(seconds, codes)
            self.assertLess(self.passed, 30)
            self.assertEqual(caught.exception.code, FAILED)

    def test_the_exit_code_of_wrong_usage_is_handed_on(self):
        with self.assertRaises(ExportError) as caught:
            self.run_ranks([0], [USAGE])
        self.assertEqual(caught.exception.code, USAGE)

    @unittest.skipIf(sys.platform == "win32", "signals")
    def test_a_process_that_was_killed_is_told(self):
        (self.folder / "record.py").write_text("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)\n")
        with self.assertRaisesRegex(ExportError, "signal 9"):
            self.run_ranks([0], [0])


if __name__ == "__main__":
    unittest.main()
