"""The photographs that a recipe names, with their hashes. Needs no torch."""

import hashlib
import json
from pathlib import Path

from . import ExportError
from .writer import MANIFEST


def hashes(folder: Path, files: list[str], inputs_from: Path | None) -> list[dict]:
    """The recipe's photographs with the SHA-256 of each file. If the inputs come from a recorded set, the photographs
    of that set, because its pixels are used."""
    if inputs_from is not None:
        try:
            return json.loads((inputs_from / MANIFEST).read_text(encoding="utf-8"))["recipe"]["photographs"]
        except (OSError, ValueError, KeyError) as error:
            raise ExportError(f"--inputs-from {inputs_from}: this is not a golden set ({error})",
                              "give a folder such as golden/sets/micro") from error
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
