"""The photographs that a recipe names, with their hashes. Needs no torch."""

import hashlib
from pathlib import Path

from . import ExportError
from .sources import read_manifest


def hashes(folder: Path, files: list[str], inputs_from: Path | None) -> list[dict]:
    """The recipe's photographs with the SHA-256 of each file. If the inputs come from a recorded set, the photographs
    of that set, because its pixels are used."""
    if inputs_from is not None:
        return read_manifest(inputs_from)["recipe"]["photographs"]
    if not files:
        raise ExportError("the recipe names no photograph", "name at least one file of golden/photographs")
    found = []
    for file in files:
        path = folder / file
        if not path.is_file():
            known = ", ".join(sorted(p.name for p in folder.glob("*.jpg")))
            raise ExportError(f"there is no photograph `{file}`", f"golden/photographs has: {known}")
        found.append({"file": file, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()})
    return found
