"""Names of recorded tensors: `[kind:]path[#call][:port]`.

`golden/names` holds the table of kinds, which this module reads, and parsed names, which its tests compare. The crate in the
same folder reads and writes the same names in Rust."""

import json
import re
from dataclasses import dataclass
from pathlib import Path

from . import FAILED, ExportError

TABLES = Path(__file__).parents[2] / "names"
# The row of each kind: its prefix, whether it has calls and ports, and how much is stored in each stage.
KINDS: dict[str, dict] = {row["kind"]: row for row in json.loads((TABLES / "kinds.json").read_text(encoding="utf-8"))}
# The kind of a module's output. It has no prefix.
OUTPUT = "output"
# The port of a module's input. An input is another module's output, or a view of one.
INPUT = "in"

# `stats_only/masked_gram_loss` is a name of the reference's, `class-ids-VAL.npy` that of a file it writes.
PATH = r"[a-z_][A-Za-z0-9_.-]*(/[A-Za-z0-9_.]+)?"
PORT = r"[A-Za-z0-9_.]+"
CALL = r"[1-9][0-9]*"


@dataclass(frozen=True)
class Name:
    """The parts of a name; `call` counts from 0, and call 0 is not written."""

    kind: str
    path: str
    call: int = 0
    port: str | None = None

    def __str__(self) -> str:
        prefix = KINDS[self.kind]["prefix"]
        return (f"{prefix}:" if prefix else "") + self.path + (f"#{self.call}" if self.call else "") + (
            f":{self.port}" if self.port is not None else "")


def split(text: str) -> Name:
    """Parses a name. An ExportError describes the problem of an invalid name."""
    kind, rest = OUTPUT, text
    word, colon, after = text.partition(":")
    # A word before the first colon is a kind unless it is a path with parts, or has a call number.
    if colon and not re.search(r"[.#]", word):
        _require(word in (row["prefix"] for row in KINDS.values()), text, f"there is no kind `{word}`")
        kind, rest = word, after
    body, colon, port = rest.partition(":")
    path, hash_, call = body.partition("#")
    _require(path != "", text, "the path is missing")
    _require(re.fullmatch(PATH, path), text, f"the path `{path}` must match {PATH}")
    if hash_:
        _require(re.fullmatch(CALL, call), text, f"`#{call}` is not a call number; the second call is `#1`, and the first call "
                 "has no number")
        _require(KINDS[kind]["calls"], text, f"entries of kind `{kind}` have no call number")
    if colon:
        _require(KINDS[kind]["ports"], text, f"entries of kind `{kind}` have no port")
        _require(re.fullmatch(PORT, port), text, f"the port `{port}` must match {PORT}")
    return Name(kind, path, int(call or 0), port if colon else None)


def _require(holds, text: str, problem: str) -> None:
    if not holds:
        raise ExportError(f"`{text}` is not an entry name: {problem}", "", FAILED)


def named(kind: str, path: str, call: int = 0, port: str | None = None) -> str:
    """Composes a name from its parts and checks it."""
    if kind not in KINDS:
        raise ExportError(f"there is no kind of entry `{kind}`", "", FAILED)
    text = str(Name(kind, path, call, port))
    split(text)
    return text


def path_in(kind: str, text: str) -> str | None:
    """The path of a name of this kind; None for another kind."""
    name = split(text)
    return name.path if name.kind == kind else None


def kept(text: str, stage: str) -> str:
    """The stored part of an entry: `digest` (only statistics and hash), `sample` (as many elements as the limit allows)
    or `full`."""
    kind = split(text).kind
    if stage not in KINDS[kind]["stages"]:
        raise ExportError(f"`{text}` cannot be recorded in stage {stage}, which has no entries of kind `{kind}`", "", FAILED)
    return KINDS[kind]["stages"][stage]


class Names:
    """Counts the calls of each place and port, since a module that runs twice is recorded twice."""

    def __init__(self) -> None:
        self._calls: dict[tuple[str, str, str | None], int] = {}

    def next(self, path: str, port: str | None = None, kind: str = OUTPUT) -> str:
        """The name of the next tensor at this place. The first has no call number."""
        key = (kind, path, port)
        call = self._calls.get(key, 0)
        self._calls[key] = call + 1
        return named(kind, path, call, port)


def ports(output) -> list[tuple[str | None, object]]:
    """The tensors of a module's output with their ports: none for a bare tensor, `0`, `1` for a list, `0.key` for a
    list of dictionaries, `key` for a dictionary. `masks` is an unchanged input and is left out."""
    if output is None or isinstance(output, (int, float, bool, str)):
        return []
    if isinstance(output, dict):
        return [(key, value) for key, value in output.items() if value is not None and key != "masks"]
    if isinstance(output, (list, tuple)):
        found = []
        for index, item in enumerate(output):
            for port, value in ports(item):
                found.append((f"{index}" if port is None else f"{index}.{port}", value))
        return found
    return [(None, output)]
