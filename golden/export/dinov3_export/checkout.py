"""Accepts a checkout of the reference only if its code is exactly the pinned commit's: by git where it has a `.git`, else
by the hash that git gives its files."""

import hashlib
import os
import subprocess
from pathlib import Path

from . import COMMIT, ENVIRONMENT, REPOSITORY, TREE, ExportError

WANTED = f"give the path of a git checkout of {REPOSITORY} at commit {COMMIT}"


def _git(path: Path, *arguments: str) -> str:
    # A GIT_DIR left by a hook would make git read another repository.
    environment = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    try:
        done = subprocess.run(
            ["git", "-C", str(path), *arguments], capture_output=True, text=True, env=environment, check=False
        )
    except FileNotFoundError:
        raise ExportError("git is not installed", "it is needed to check the reference's commit", ENVIRONMENT) from None
    if done.returncode != 0:
        reason = done.stderr.strip().splitlines()
        raise ExportError(f"{path} is not a usable git checkout: {reason[0] if reason else 'git failed'}", WANTED)
    return done.stdout


def dirty_files(path: Path, package: str = "dinov3") -> list[str]:
    """Files of the package that differ from the commit: changed, removed, added, and ignored `.py` files."""
    status = _git(path, "status", "--porcelain", "-z", "--untracked-files=all", "--ignored=matching", "--", package)
    found = []
    for line in status.split("\0"):
        state, name = line[:2], line[3:]
        # Ignored files are bytecode caches and the like; an ignored module could still be imported.
        if name and (state != "!!" or name.endswith(".py")):
            found.append(name)
    return found


def tree(folder: Path) -> bytes:
    """The hash that git gives a folder of files, without bytecode: any other file, content or executable bit gives
    another hash."""
    entries = []
    for path in folder.iterdir():
        if path.name == "__pycache__" or path.suffix == ".pyc":
            continue
        if path.is_dir() and not path.is_symlink():
            # Git sorts a folder as if its name ended in a slash.
            entries.append((path.name + "/", b"40000", tree(path)))
        else:
            mode = b"120000" if path.is_symlink() else b"100755" if os.access(path, os.X_OK) else b"100644"
            content = os.readlink(path).encode() if path.is_symlink() else path.read_bytes()
            entries.append((path.name, mode, _object(b"blob", content)))
    rows = (mode + b" " + name.rstrip("/").encode() + b"\0" + hash_ for name, mode, hash_ in sorted(entries))
    return _object(b"tree", b"".join(rows))


def _object(kind: bytes, content: bytes) -> bytes:
    return hashlib.sha1(kind + b" %d\0" % len(content) + content).digest()


def _check_files(path: Path, wanted: str) -> None:
    """Raises unless the package's files are those of the pinned commit."""
    if not (path / "dinov3").is_dir():
        raise ExportError(f"{path} has no dinov3 package, and is no git checkout", WANTED)
    if (found := tree(path / "dinov3").hex()) != wanted:
        raise ExportError(f"the reference's code is not as committed: {path / 'dinov3'} has the tree {found}, not {wanted}",
                          "copy the folder whole, with its executable bits, from a checkout; or give a git checkout, of which the "
                          "files that differ can be named")


def check(path: Path, commit: str = COMMIT, package: str = TREE) -> Path:
    """The resolved path of a clean checkout at `commit`, or of a folder without git whose `dinov3` has the tree `package`;
    raises otherwise."""
    path = path.expanduser()
    if not path.is_dir():
        raise ExportError(f"the reference's checkout does not exist: {path}", WANTED)
    path = path.resolve()
    if not (path / ".git").exists():
        _check_files(path, package)
        return path
    head = _git(path, "rev-parse", "HEAD").strip()
    if head != commit:
        raise ExportError(
            f"the reference is at commit {head}, golden sets are recorded from {commit}",
            f"check out commit {commit} there",
        )
    if not (path / "dinov3" / "__init__.py").is_file() and not (path / "dinov3" / "train").is_dir():
        raise ExportError(f"{path} has no dinov3 package", "give the top folder of the checkout")
    if dirty := dirty_files(path):
        shown = ", ".join(dirty[:5]) + (f" and {len(dirty) - 5} more" if len(dirty) > 5 else "")
        raise ExportError(
            f"the reference's code is not as committed: {shown}",
            "restore it (git stash, git clean): a golden number comes from the published code alone",
        )
    return path
