"""The library that tells MKL whose processor this is: when it is asked for, that it compiles and answers. Needs no package."""

import os
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from unittest import mock

from dinov3_export import ENVIRONMENT, ExportError, mkl, pins

CAN_COMPILE = sys.platform == "linux" and any(map(shutil.which, ("cc", "gcc", "clang")))
ASK = """
import ctypes
from dinov3_export import mkl
before = mkl.was_told()
answer = ctypes.CDLL(None).mkl_serv_intel_cpu_true()
print(before, answer, mkl.was_told(), mkl.vendor_seen())
"""


def processor(vendor: str | None, machine: str = "x86_64"):
    """As if this were another machine."""
    return mock.patch.multiple(mkl, cpu_vendor=lambda: vendor, platform=mock.Mock(machine=lambda: machine),
                               sys=mock.Mock(platform="linux"))


class MklTest(unittest.TestCase):
    def setUp(self):
        mkl.library.cache_clear()
        self.addCleanup(mkl.library.cache_clear)

    def test_the_maker_is_read_from_the_processor_s_own_name(self):
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "cpuinfo"
            file.write_text("processor\t: 0\nvendor_id\t: AuthenticAMD\ncpu family\t: 25\n")
            self.assertEqual(mkl.cpu_vendor(str(file)), "AuthenticAMD")
            file.write_text("processor\t: 0\nCPU implementer\t: 0x48\n")
            self.assertIsNone(mkl.cpu_vendor(str(file)))
            self.assertIsNone(mkl.cpu_vendor(str(Path(folder) / "none")))

    def test_only_a_stranger_s_x86_is_preloaded_and_only_when_pinned(self):
        with mock.patch.object(mkl, "library", lambda: Path("lib.so")), mock.patch.dict(os.environ):
            os.environ.pop(mkl.PRELOAD, None)
            for vendor, machine, expected in (
                ("AuthenticAMD", "x86_64", "lib.so"), ("GenuineIntel", "x86_64", None), (None, "aarch64", None),
            ):
                with processor(vendor, machine):
                    self.assertEqual(pins.worker_environment(True).get(mkl.PRELOAD), expected)
                    self.assertNotIn(mkl.PRELOAD, pins.worker_environment(False))
            os.environ[mkl.PRELOAD] = "other.so"
            with processor("AuthenticAMD"):
                self.assertEqual(pins.worker_environment(True)[mkl.PRELOAD], "lib.so:other.so")
                self.assertEqual(pins.worker_environment(False)[mkl.PRELOAD], "other.so")

    def test_without_a_compiler_the_environment_is_what_is_missing(self):
        with mock.patch.object(mkl.shutil, "which", lambda _: None), self.assertRaises(ExportError) as caught:
            mkl.library()
        self.assertEqual(caught.exception.code, ENVIRONMENT)
        self.assertIn("--no-pins", caught.exception.hint)

    @unittest.skipUnless(CAN_COMPILE, "needs a C compiler")
    def test_source_that_does_not_compile_is_told(self):
        with tempfile.TemporaryDirectory() as folder:
            source = Path(folder) / "mkl.c"
            source.write_text("int x = ;\n")
            with mock.patch.object(mkl, "SOURCE", source), self.assertRaisesRegex(ExportError, "does not compile") as caught:
                mkl.library()
        self.assertEqual(caught.exception.code, ENVIRONMENT)

    def test_nothing_is_claimed_where_mkl_was_not_told(self):
        with processor("AuthenticAMD"):
            self.assertFalse(mkl.was_told())
            self.assertEqual(mkl.vendor_seen(), "AuthenticAMD")

    @unittest.skipUnless(CAN_COMPILE, "needs a C compiler")
    def test_preloaded_it_says_yes_and_remembers_that_it_was_asked(self):
        self.assertEqual(mkl.library(), mkl.library())
        folder = str(Path(mkl.__file__).parents[1])
        environment = {**os.environ, mkl.PRELOAD: str(mkl.library()), "PYTHONPATH": folder}
        done = subprocess.run([sys.executable, "-c", ASK], env=environment, capture_output=True, text=True, check=True)
        self.assertEqual(done.stdout.split(), ["False", "1", "True", "GenuineIntel"])


if __name__ == "__main__":
    unittest.main()
