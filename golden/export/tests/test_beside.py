"""The reference's side of a benchmark, each in a process of its own: it takes standard output away from libraries."""

import json
import os
import subprocess
import sys
import unittest

from dinov3_export import FAILED, USAGE, cli

# As a `reference.py`, in whose place of a checkout and of packages nothing is looked at.
PROGRAM = """
import os, sys
from pathlib import Path
from dinov3_export import ExportError, beside, pins

beside.checkout.check = lambda path: path.resolve()
beside.pins.require_packages = lambda device: None

def measure(arguments, reference):
    print("a library talks")
    os.system("echo so does a program")
    {body}
    return {{name: os.environ.get(name) for name in ("MKL_CBWR", "CLOCK")}} | {{"absolute": reference.is_absolute()}}

sys.exit(beside.main(beside.parser("A side.").parse_args(), measure, {environment}))
"""


def run(*options: str, body: str = "pass", environment: str = "None") -> subprocess.CompletedProcess:
    program = PROGRAM.format(body=body, environment=environment)
    return subprocess.run([sys.executable, "-c", program, "--reference", ".", *options], capture_output=True, text=True,
                          check=False, cwd=cli.EXPORT, env={**os.environ, "MKL_CBWR": "AVX2"})


class BesideTest(unittest.TestCase):
    def test_standard_output_has_the_figures_alone(self):
        done = run()
        self.assertEqual((done.returncode, done.stdout.count("\n")), (0, 1), done.stderr)
        self.assertEqual(json.loads(done.stdout), {"MKL_CBWR": None, "CLOCK": None, "absolute": True})

    def test_pins_are_taken_away_before_others_are_set(self):
        figures = json.loads(run(environment="{**pins.PINS, 'CLOCK': '1'}").stdout)
        self.assertEqual((figures["MKL_CBWR"], figures["CLOCK"]), ("AVX2", "1"))

    def test_a_check_measures_nothing(self):
        done = run("--check", body="raise AssertionError")
        self.assertEqual((done.returncode, done.stdout), (0, "{}\n"), done.stderr)

    def test_errors_have_a_hint_and_a_code(self):
        for body, code, text in (
            ("raise ExportError('no commit', 'check it out')", USAGE, "error: no commit\nhint: check it out\n"),
            ("raise ExportError('no commit')", USAGE, "error: no commit\n"),
            ("raise OSError('no space')", FAILED, "error: the reference failed: no space\nhint: run it alone to see why\n"),
        ):
            done = run(body=body)
            self.assertEqual((done.returncode, done.stdout, done.stderr), (code, "", text))


if __name__ == "__main__":
    unittest.main()
