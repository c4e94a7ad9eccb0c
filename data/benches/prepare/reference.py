#!/usr/bin/env python3
"""The reference's side of the benchmark: times `dump_extra` of the code in a checkout, and prints one line of JSON.

`main.rs` starts it; the checkout is used as it is, and nothing of it is copied here.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path

if sys.version_info < (3, 11):
    print("error: Python 3.11 or newer is needed\nhint: name one with --python", file=sys.stderr)
    sys.exit(3)

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "golden" / "export"))
sys.dont_write_bytecode = True

from dinov3_export import FAILED, ExportError, checkout, pins  # noqa: E402


def parser() -> argparse.ArgumentParser:
    """All options; `main.rs` gives them."""
    p = argparse.ArgumentParser(prog="reference.py", description=__doc__.splitlines()[0])
    p.add_argument("--reference", type=Path, required=True, help="checkout of the reference at the pinned commit")
    p.add_argument("--check", action="store_true", help="look whether the reference can be run, and stop")
    p.add_argument("--root", help="folder of ImageNet")
    p.add_argument("--extra", help="where the tables go")
    p.add_argument("--split", default="TRAIN")
    p.add_argument("--cold", action="store_true", help="empty the kernel's caches once everything is imported")
    return p


def measure(arguments: argparse.Namespace, reference: Path) -> dict:
    """Imports what is needed, and makes the tables on the clock."""
    sys.path.insert(0, str(reference))
    from dinov3.data.datasets.image_net import ImageNet
    from torchvision.datasets import ImageFolder  # noqa: F401  (the reference imports it on the clock otherwise)

    dataset = ImageNet(split=ImageNet.Split[arguments.split], root=arguments.root, extra=arguments.extra)
    if arguments.cold:
        subprocess.run(["sync"], check=True)
        Path("/proc/sys/vm/drop_caches").write_text("3", encoding="ascii")
    start = time.perf_counter()
    dataset.dump_extra()
    return {"seconds": time.perf_counter() - start}


def run(arguments: argparse.Namespace) -> dict:
    """Checks what is there before anything is imported from it."""
    reference = checkout.check(arguments.reference)
    pins.require_packages("cpu")
    return {} if arguments.check else measure(arguments, reference)


def main(argv: list[str]) -> int:
    """One line of JSON on standard output; errors with their hints on standard error."""
    arguments = parser().parse_args(argv)
    # What libraries print on standard output is not ours to hand on.
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    try:
        print(json.dumps(run(arguments)), file=out, flush=True)
        return 0
    except ExportError as error:
        print(f"error: {error}", file=sys.stderr)
        if error.hint:
            print(f"hint: {error.hint}", file=sys.stderr)
        return error.code
    except OSError as error:
        print(f"error: the reference failed: {error}\nhint: run it alone to see why", file=sys.stderr)
        return FAILED


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
