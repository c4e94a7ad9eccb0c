"""The wheel's script, with a PyTorch that is an empty folder. The standard library alone is needed."""

import contextlib
import io
import os
import pathlib
import sys
import tempfile
import types
import unittest
from unittest import mock

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "python"))

from dinov3_harness import launch  # noqa: E402


class Place(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.torch = self.folder / "torch"
        (self.torch / "lib").mkdir(parents=True)
        self.torch.joinpath("version.py").write_text("__version__ = '2.8.0+cpu'\n")
        self.library("lib/libtorch_cpu.so")
        spec = types.SimpleNamespace(submodule_search_locations=[str(self.torch)])
        self.enter(mock.patch.object(launch.importlib.util, "find_spec", return_value=spec))
        self.enter(mock.patch.dict(os.environ, {"XDG_CACHE_HOME": str(self.folder / "cache")}))

    def enter(self, patch):
        patch.start()
        self.addCleanup(patch.stop)

    def library(self, name):
        self.torch.joinpath(name).write_bytes(b"")

    def refused(self):
        """What is said, and the exit code, where the program cannot be started."""
        said = io.StringIO()
        with contextlib.redirect_stderr(said):
            code = launch.main(["suites"])
        return code, said.getvalue()


class Launch(Place):
    def test_the_program_gets_the_arguments_and_pytorch_s_libraries(self):
        with mock.patch.object(launch, "native", return_value="/bin/native"), mock.patch.object(os, "execve") as execve:
            launch.main(["run", "--suite", "layers"])
        program, arguments, environment = execve.call_args.args
        self.assertEqual((program, arguments), ("/bin/native", ["dinov3-harness", "run", "--suite", "layers"]))
        self.assertTrue(environment["LD_LIBRARY_PATH"].split(":")[0].endswith("torch/lib"))

    def test_what_was_searched_before_is_searched_after(self):
        self.library("lib/libgomp.so.1")
        given = {"LD_LIBRARY_PATH": "/usr/local/Ascend/driver/lib64/driver", "DINOV3_GOLDEN": "/mine"}
        environment = launch.environment_for(self.torch, given)
        self.assertEqual(environment["LD_LIBRARY_PATH"], f"{self.torch}/lib:/usr/local/Ascend/driver/lib64/driver")
        self.assertEqual(environment["DINOV3_GOLDEN"], "/mine")
        self.assertEqual(environment["DINOV3_PYTHON"], sys.executable)

    def test_a_runtime_of_another_name_gets_the_name_that_is_asked_for(self):
        self.library("lib/libgomp-947d5fa1.so.1.0.0")
        for _ in range(2):
            folder = launch.environment_for(self.torch, {})["LD_LIBRARY_PATH"].split(":")[0]
            self.assertTrue(pathlib.Path(folder, "libgomp.so.1").samefile(self.torch / "lib/libgomp-947d5fa1.so.1.0.0"))

    def test_another_pytorch_is_refused(self):
        self.torch.joinpath("version.py").write_text("__version__ = '2.7.1'\n")
        self.assertEqual(
            self.refused(),
            (3, "error: PyTorch 2.7.1 is installed, and this program is for 2.8.x\nhint: pip install torch==2.8.0\n"),
        )

    def test_no_pytorch_is_said(self):
        with mock.patch.object(launch.importlib.util, "find_spec", return_value=None):
            code, said = self.refused()
        self.assertEqual(code, 3)
        self.assertIn("has no PyTorch\nhint: pip install torch==2.8.0", said)

    def test_a_broken_pytorch_is_said(self):
        (self.torch / "lib/libtorch_cpu.so").unlink()
        self.assertIn("has no libtorch_cpu.so", self.refused()[1])

    def test_a_package_without_its_program_is_said(self):
        with mock.patch.object(launch.importlib.metadata, "files", return_value=[]):
            self.assertIn("dinov3-harness-native was not installed", self.refused()[1])


class Package(unittest.TestCase):
    def test_the_recorder_is_imported_when_it_is_asked_for(self):
        import dinov3_harness

        recorder = types.ModuleType("dinov3_export")
        recorder.watch = object()
        with mock.patch.dict(sys.modules, {"dinov3_export": recorder}):
            self.assertIs(dinov3_harness.watch, recorder.watch)
        with self.assertRaises(AttributeError):
            dinov3_harness.other


if __name__ == "__main__":
    unittest.main()
