"""Adds each tensor's CRC-32 to sets that were recorded without: from the stored bytes where a whole tensor is stored, and from
other recordings that have the same SHA-256. Needs no torch.

    python -m dinov3_export.checksums golden/sets [RECORDING…]"""

import hashlib
import json
import sys
import zlib
from pathlib import Path

from . import ExportError
from .tensorfile import TensorFile
from .writer import MANIFEST, write_manifest, write_sums


def known(folders: list[Path]) -> dict[str, str]:
    """CRC-32 by SHA-256 of all records below these folders that have both."""
    found = {}
    for path in (path for folder in folders for path in sorted(folder.glob(f"**/{MANIFEST}"))):
        for entry in json.loads(path.read_text(encoding="utf-8"))["entries"]:
            found |= {r["sha256"]: r["crc32"] for r in entry["records"].values() if "crc32" in r}
    return found


def _stored(folder: Path, precision: str, record: dict, files: dict[str, TensorFile]) -> str | None:
    """The CRC-32 of a record whose whole tensor is stored; None for another record."""
    if record["storage"] != "full":
        return None
    if precision not in files:
        files[precision] = TensorFile(folder / f"{precision}.safetensors")
    data = files[precision].bytes(record["tensor"])
    if hashlib.sha256(data).hexdigest() != record["sha256"]:
        raise ExportError(f"{folder.name}: {record['tensor']} at {precision} has not the SHA-256 of its record", "record the set again")
    return f"{zlib.crc32(data):08x}"


def _with_checksum(record: dict, crc32: str) -> dict:
    """The record with its checksum behind the hash, where the format has it."""
    found = {}
    for key, value in record.items():
        found[key] = value
        if key == "sha256":
            found["crc32"] = crc32
    return found


def add(folder: Path, elsewhere: dict[str, str]) -> tuple[dict[str, int], dict[str, int]]:
    """Adds what can be known to one set. Returns how many records have a checksum, and how many have none, by precision."""
    manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    files: dict[str, TensorFile] = {}
    having, lacking = dict.fromkeys(manifest["precisions"], 0), dict.fromkeys(manifest["precisions"], 0)
    changed = False
    for entry in manifest["entries"]:
        for precision, record in entry["records"].items():
            if "crc32" not in record:
                crc32 = _stored(folder, precision, record, files) or elsewhere.get(record["sha256"])
                if crc32 is None:
                    lacking[precision] += 1
                    continue
                entry["records"][precision] = _with_checksum(record, crc32)
                changed = True
            having[precision] += 1
    if changed:
        write_manifest(folder, manifest)
        write_sums(folder)
    return having, lacking


def main(arguments: list[str]) -> int:
    """Adds checksums to all sets of the first folder, with the others as recordings to look them up in."""
    try:
        root, *others = (Path(argument) for argument in arguments)
    except ValueError:
        print("error: no folder of sets is named\nhint: python -m dinov3_export.checksums SETS [RECORDING…]", file=sys.stderr)
        return 2
    elsewhere = known(others)
    try:
        for path in sorted(root.glob(f"**/{MANIFEST}")):
            having, lacking = add(path.parent, elsewhere)
            rows = (f"{p} {having[p]}" + (f" ({lacking[p]} without)" if lacking[p] else "") for p in having)
            print(f"{path.parent.name:<18} {', '.join(rows)}")
    except ExportError as error:
        print(f"error: {error}\nhint: {error.hint}", file=sys.stderr)
        return error.code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
