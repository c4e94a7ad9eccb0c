"""Accepts a checkout of the reference only if its code is exactly the pinned commit's."""

import os
import subprocess
from pathlib import Path

from . import COMMIT, ENVIRONMENT, REPOSITORY, ExportError

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


def check(path: Path, commit: str = COMMIT) -> Path:
    """The resolved path of a clean checkout at `commit`; raises otherwise."""
    path = path.expanduser()
    if not path.is_dir():
        raise ExportError(f"the reference's checkout does not exist: {path}", WANTED)
    path = path.resolve()
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
