"""Starts the native program on this interpreter's own PyTorch.

The loader has to find PyTorch's libraries before the program begins, so this finds them, without importing PyTorch, and then becomes the
program.
"""

import importlib.metadata
import importlib.util
import os
import pathlib
import re
import sys

#: Exit code of an environment that lacks something, as the program's own.
ENVIRONMENT = 3

#: The series of PyTorch that the program was compiled for.
SERIES = "2.8."

NATIVE = "dinov3-harness-native"


class Lacks(Exception):
    """What this environment lacks, and what to do about it."""

    def __init__(self, what, hint):
        super().__init__(what)
        self.hint = hint


def main(arguments=None):
    """Becomes the program. Returns only where that is impossible."""
    arguments = sys.argv[1:] if arguments is None else arguments
    try:
        torch = torch_folder()
        program = native()
        environment = environment_for(torch, os.environ)
    except Lacks as lacks:
        print(f"error: {lacks}\nhint: {lacks.hint}", file=sys.stderr)
        return ENVIRONMENT
    sys.stdout.flush()
    os.execve(program, ["dinov3-harness", *arguments], environment)


def torch_folder():
    """The folder of PyTorch, of the right series."""
    spec = importlib.util.find_spec("torch")
    folders = list(spec.submodule_search_locations or []) if spec else []
    if not folders:
        raise Lacks(f"{sys.executable} has no PyTorch", "pip install torch==2.8.0")
    folder = pathlib.Path(folders[0])
    version = version_of(folder)
    if not version.startswith(SERIES):
        raise Lacks(f"PyTorch {version} is installed, and this program is for {SERIES}x", "pip install torch==2.8.0")
    if not (folder / "lib/libtorch_cpu.so").is_file():
        raise Lacks(f"{folder}/lib has no libtorch_cpu.so", "install PyTorch again: pip install --force-reinstall torch==2.8.0")
    return folder


def version_of(folder):
    """The version that PyTorch's own file has, with its build: `2.8.0+cu128`."""
    try:
        text = (folder / "version.py").read_text()
    except OSError:
        text = ""
    match = re.search(r"__version__ = ['\"]([^'\"]+)", text)
    return match.group(1) if match else "of an unknown version"


def native():
    """The native program that was installed with this package."""
    for file in importlib.metadata.files("dinov3-harness") or []:
        if file.name == NATIVE:
            return str(file.locate().resolve())
    raise Lacks(f"{NATIVE} was not installed with this package", "pip install --force-reinstall --no-deps FILE.whl")


def environment_for(torch, given):
    """The environment of the program: PyTorch's libraries first; this interpreter, and the golden sets of this package, unless others are named."""
    environment = dict(given)
    folders = [str(torch / "lib")]
    openmp = openmp_folder(torch / "lib")
    if openmp:
        folders.insert(0, openmp)
    before = environment.get("LD_LIBRARY_PATH")
    environment["LD_LIBRARY_PATH"] = ":".join(folders + ([before] if before else []))
    environment.setdefault("DINOV3_PYTHON", sys.executable)
    golden = pathlib.Path(__file__).parent / "golden/sets"
    if golden.is_dir():
        environment.setdefault("DINOV3_GOLDEN", str(golden))
    return environment


def openmp_folder(libraries):
    """A folder with PyTorch's OpenMP runtime under the name that the program asks for.

    Some builds give the runtime a name of their own. The program would then load the system's beside it, and two runtimes in a process
    start twice as many threads. The loader takes two names of one file for one library.
    """
    if (libraries / "libgomp.so.1").exists():
        return None
    own = sorted(libraries.glob("libgomp*.so*")) + sorted((libraries.parent.parent / "torch.libs").glob("libgomp*.so*"))
    if not own:
        return None
    cache = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache")
    folder = cache / "dinov3-harness/openmp" / own[0].name
    link = folder / "libgomp.so.1"
    if not link.exists() or not link.samefile(own[0]):
        folder.mkdir(parents=True, exist_ok=True)
        new = folder / f"libgomp.so.1.{os.getpid()}"
        new.symlink_to(own[0])
        new.replace(link)
    return str(folder)
