"""The difference of a patched checkout from the pinned commit: which files, how many lines, and the unified diff."""

import difflib
import hashlib
from dataclasses import dataclass

# A longer diff is known by its hash alone.
LONGEST = 64 * 1024


@dataclass(frozen=True)
class File:
    """A file as git knows it. `content` is None where it has not been read."""

    mode: bytes
    hash: bytes
    content: bytes | None

    def same(self, other: "File") -> bool:
        """Whether mode and content are the same."""
        return (self.mode, self.hash) == (other.mode, other.hash)


@dataclass(frozen=True)
class Diff:
    """Changed files as (path, lines added, lines removed) in the order of their paths, and the unified diff of all."""

    files: tuple[tuple[str, int, int], ...]
    text: str

    def manifest(self) -> dict:
        """The manifest's `checkout.diff`."""
        bytes_ = self.text.encode("utf-8")
        rows = [{"path": path, "added": added, "removed": removed} for path, added, removed in self.files]
        known = {"files": rows, "sha256": hashlib.sha256(bytes_).hexdigest()}
        return {**known, "text": self.text} if len(bytes_) <= LONGEST else known

    def said(self) -> str:
        """One line for the terminal."""
        added, removed = sum(row[1] for row in self.files), sum(row[2] for row in self.files)
        files = "1 file" if len(self.files) == 1 else f"{len(self.files)} files"
        return f"{files} changed, {added} lines added, {removed} removed"


def _lines(file: File | None) -> list[str] | None:
    """The file's lines; None for a file that is no text."""
    if file is None:
        return []
    try:
        text = (file.content or b"").decode("utf-8")
    except UnicodeDecodeError:
        return None
    return None if "\0" in text else text.splitlines(keepends=True)


def _hunks(path: str, before: File | None, after: File | None) -> tuple[int, int, list[str]]:
    old, new = _lines(before), _lines(after)
    names = ("/dev/null" if before is None else f"a/{path}", "/dev/null" if after is None else f"b/{path}")
    said = [f"mode {before.mode.decode()} -> {after.mode.decode()} of {path}\n"] if before and after and before.mode != after.mode else []
    if old is None or new is None:
        hashes = " and ".join("nothing" if f is None else f.hash.hex() for f in (before, after))
        return 0, 0, [*said, f"Binary files {names[0]} and {names[1]} differ: {hashes}\n"]
    rows = list(difflib.unified_diff(old, new, *names))
    changes = rows[2:]
    added, removed = (sum(row.startswith(sign) for row in changes) for sign in "+-")
    for row in rows:
        said.append(row if row.endswith("\n") else row + "\n\\ No newline at end of file\n")
    return added, removed, said


def unified(before: dict[str, File], after: dict[str, File]) -> Diff:
    """The difference of changed files, each in one of the two or in both."""
    found, text = [], []
    for path in sorted(before.keys() | after.keys()):
        added, removed, rows = _hunks(path, before.get(path), after.get(path))
        found.append((path, added, removed))
        text += rows
    return Diff(tuple(found), "".join(text))
