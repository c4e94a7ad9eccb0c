#!/usr/bin/env python3
"""The reference's side of the benchmark: times `dump_extra` of the code in a checkout, and prints one line of JSON.

`dinov3-perf` starts it; the checkout is used as it is, and nothing of it is copied here.
"""

import argparse
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "golden" / "export"))
sys.dont_write_bytecode = True

from dinov3_export import beside  # noqa: E402


def parser() -> argparse.ArgumentParser:
    """All options; the benchmark gives them."""
    p = beside.parser(__doc__)
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


if __name__ == "__main__":
    sys.exit(beside.main(parser().parse_args(), measure))
