"""Finds out which code a checkout of the reference holds: its files are hashed as git hashes them, and git's index, which a
user may tell to look away, is never asked.

A golden set wants the pinned commit's files. A candidate takes a patched checkout, and carries the difference."""

import hashlib
import os
import stat
import subprocess
from dataclasses import dataclass
from pathlib import Path

from . import COMMIT, ENVIRONMENT, REPOSITORY, TREE, ExportError
from .difference import Diff, File, unified

WANTED = f"give the path of a git checkout of {REPOSITORY} at commit {COMMIT}"
PACKAGE = "dinov3"


@dataclass(frozen=True)
class Checkout:
    """A checkout that is accepted. `commit` is None for a folder without git; `diff` is None where every file is the
    pinned commit's."""

    path: Path
    commit: str | None
    tree: str
    diff: Diff | None = None

    def manifest(self) -> dict:
        """The manifest's `checkout`."""
        known = {"commit": self.commit, "tree": self.tree, "clean": self.diff is None}
        return known if self.diff is None else {**known, "diff": self.diff.manifest()}


def _git(path: Path, *arguments: str) -> bytes:
    # A GIT_DIR left by a hook would make git read another repository.
    environment = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    try:
        done = subprocess.run(["git", "-C", str(path), *arguments], capture_output=True, env=environment, check=False)
    except FileNotFoundError:
        raise ExportError("git is not installed", "it is needed to check the reference's commit", ENVIRONMENT) from None
    if done.returncode != 0:
        reason = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise ExportError(f"{path} is not a usable git checkout: {reason[0] if reason else 'git failed'}", WANTED)
    return done.stdout


def _bytecode(path: Path) -> bool:
    """Whether Python makes the file by itself. A `.pyc` outside `__pycache__` is a module."""
    return path.name == "__pycache__" and path.is_dir()


def files(folder: Path, root: str = PACKAGE) -> dict[str, File]:
    """Every file of a folder by its path, with git's mode and hash, without bytecode."""
    found = {}
    for path in folder.iterdir():
        name = f"{root}/{path.name}"
        if _bytecode(path):
            continue
        if path.is_dir() and not path.is_symlink():
            found |= files(path, name)
            continue
        link = path.is_symlink()
        if not link and not stat.S_ISREG(path.stat().st_mode):
            raise ExportError(f"{name} in the checkout is no file", "take the pipe, socket or device away")
        content = os.readlink(path).encode() if link else path.read_bytes()
        mode = b"120000" if link else b"100755" if os.access(path, os.X_OK) else b"100644"
        found[name] = File(mode, _object(b"blob", content), content)
    return found


def tree(held: dict[str, File], root: str = PACKAGE) -> bytes:
    """The hash that git gives the folder `root` of these files: any other file, content or executable bit gives another
    hash."""
    entries, folders = [], {}
    for name, file in held.items():
        inner = name.removeprefix(f"{root}/")
        folder, slash, _ = inner.partition("/")
        if slash:
            folders.setdefault(folder, {})[name] = file
        else:
            entries.append((inner, file.mode, file.hash))
    # Git sorts a folder as if its name ended in a slash.
    entries += [(f"{name}/", b"40000", tree(inside, f"{root}/{name}")) for name, inside in folders.items()]
    rows = (mode + b" " + name.rstrip("/").encode() + b"\0" + hash_ for name, mode, hash_ in sorted(entries))
    return _object(b"tree", b"".join(rows))


def _object(kind: bytes, content: bytes) -> bytes:
    return hashlib.sha1(kind + b" %d\0" % len(content) + content).digest()


def _committed(path: Path, commit: str) -> dict[str, File] | None:
    """The package's files at the pinned commit, out of git's objects; None if the repository does not hold the commit."""
    try:
        rows = _git(path, "ls-tree", "-r", "-z", commit, "--", PACKAGE).split(b"\0")
    except ExportError:
        return None
    found = {}
    for row in filter(None, rows):
        about, _, name = row.partition(b"\t")
        mode, _, hash_ = about.split(b" ")
        found[name.decode()] = File(mode, bytes.fromhex(hash_.decode()), None)
    return found


def _keeps_modes(path: Path) -> bool:
    return _git(path, "config", "--default", "true", "--type=bool", "core.fileMode").strip() == b"true"


def _with_content(path: Path, commit: str, name: str, file: File) -> File:
    return File(file.mode, file.hash, _git(path, "cat-file", "blob", f"{commit}:{name}"))


def _pristine(path: Path, package: str) -> dict[str, File]:
    """The files of an untouched copy that the user names."""
    held = files(path.expanduser() / PACKAGE) if (path.expanduser() / PACKAGE).is_dir() else {}
    if (found := tree(held).hex()) != package:
        raise ExportError(f"--pristine {path} is not the reference's commit: its {PACKAGE} has the tree {found}, not {package}",
                          WANTED)
    return held


def inspect(path: Path, commit: str = COMMIT, package: str = TREE, pristine: Path | None = None) -> Checkout:
    """The checkout at `path`, patched or not. `package` is the tree of the pinned commit's package. `pristine` names an
    untouched copy, for a checkout that has no git, or whose repository does not hold the commit."""
    path = path.expanduser()
    if not path.is_dir():
        raise ExportError(f"the reference's checkout does not exist: {path}", WANTED)
    path = path.resolve()
    has_git = (path / ".git").exists()
    head = _git(path, "rev-parse", "HEAD").decode().strip() if has_git else None
    if not (path / PACKAGE).is_dir():
        raise ExportError(f"{path} has no {PACKAGE} package{'' if has_git else ', and is no git checkout'}",
                          "give the top folder of the checkout" if has_git else WANTED)
    held = files(path / PACKAGE)
    found = tree(held).hex()
    if found == package:
        return Checkout(path, head, found)
    if pristine is not None:
        base = _pristine(pristine, package)
    elif has_git and (base := _committed(path, commit)) is not None:
        if not _keeps_modes(path):
            base = {n: File(held[n].mode if n in held else f.mode, f.hash, f.content) for n, f in base.items()}
    else:
        raise ExportError(f"the reference's code is not as committed: {path / PACKAGE} has the tree {found}, not {package}",
                          "a golden set wants the folder whole, with its executable bits; a candidate of a patched checkout wants "
                          "--pristine PATH too, an untouched checkout that the difference can be told from")
    changed = sorted(n for n in base.keys() | held.keys() if n not in base or n not in held or not base[n].same(held[n]))
    before = {n: base[n] if base[n].content is not None else _with_content(path, commit, n, base[n]) for n in changed if n in base}
    return Checkout(path, head, found, unified(before, {n: held[n] for n in changed if n in held}) if changed else None)


def check(path: Path, commit: str = COMMIT, package: str = TREE) -> Path:
    """The resolved path of a checkout whose package is the pinned commit's, byte for byte; raises otherwise."""
    found = inspect(path, commit, package)
    if found.diff is not None:
        names = [name for name, _, _ in found.diff.files]
        shown = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
        raise ExportError(f"the reference's code is not as committed: {shown}",
                          "restore it (git stash, git clean): a golden number comes from the published code alone; a patched "
                          "checkout is recorded as a candidate, with --candidate-of SETS")
    return found.path
