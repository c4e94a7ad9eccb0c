"""The command line of the recorder of trajectories. Imports no torch; the recording process does."""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

from . import FAILED, ExportError, checkout, pins

EXPORT = Path(__file__).resolve().parent.parent
RECIPES = EXPORT.parent.parent / "model" / "program" / "recipes"
KEPT = (0, 1, 10, 100, 1000, 10000, 60000, 124999)


def parser() -> argparse.ArgumentParser:
    """The parser of all options."""
    p = argparse.ArgumentParser(prog="record_trajectory.py",
                                description="Records a run of the reference's own training program.")
    p.add_argument("overrides", nargs="*", metavar="key=value", help="overrides of the recipe")
    p.add_argument("--reference", type=Path, metavar="PATH", required=True,
                   help="checkout of the reference at the pinned commit")
    p.add_argument("--out", type=Path, metavar="DIR", required=True,
                   help="folder of the run; a recording that was ended goes on from its last checkpoint there")
    p.add_argument("--precision", choices=("fp32", "bf16"), default="fp32")
    p.add_argument("--program", choices=("plain", "fsdp2"), default="plain",
                   help="the program with plain modules, which have its bits in fp32, or as it is (default: plain)")
    p.add_argument("--recipe", type=Path, metavar="FILE", default=RECIPES / "micro-125k.yaml")
    p.add_argument("--images", type=Path, metavar="DIR", default=RECIPES / "photographs",
                   help="a folder of ImageNet's layout (default: the photographs on board)")
    p.add_argument("--steps", type=int, metavar="N", default=125_000, help="number of steps (default: 125000)")
    p.add_argument("--every", type=int, metavar="N", default=1000, help="hash the state each N steps (default: 1000)")
    p.add_argument("--checkpoint", type=int, metavar="N", default=2500, help="save each N steps (default: 2500)")
    p.add_argument("--threads", type=int, metavar="N", default=1)
    return p


def main(argv: list[str]) -> int:
    """Runs the recording in a process with the pins. Returns the exit code."""
    arguments = parser().parse_args(argv)
    if os.environ.get("DINOV3_TRAJECTORY"):
        from . import trajectory

        trajectory.record(json.loads(os.environ["DINOV3_TRAJECTORY"]))
        return 0
    try:
        reference = checkout.check(arguments.reference)
        pins.require_packages("cpu")
        out = arguments.out.resolve()
        out.mkdir(parents=True, exist_ok=True)
        job = {
            "reference": str(reference), "out": str(out), "recipe": str(arguments.recipe.resolve()),
            "images": str(arguments.images.resolve()), "program": arguments.program, "steps": arguments.steps,
            "every": arguments.every, "kept": KEPT, "checkpoint": arguments.checkpoint, "threads": arguments.threads,
            "overrides": [f"compute_precision.param_dtype={arguments.precision}", *arguments.overrides],
        }
        environment = pins.worker_environment(pinned=True)
        environment["OMP_NUM_THREADS"] = str(arguments.threads)
        environment["OMP_WAIT_POLICY"] = "passive"
        environment["DINOV3_TRAJECTORY"] = json.dumps(job)
        done = subprocess.run([sys.executable, *sys.argv], env=environment, check=False).returncode
        if done:
            raise ExportError("the recording failed, see above", "the same command goes on from its last checkpoint", FAILED)
    except ExportError as error:
        print(f"error: {error}", file=sys.stderr)
        if error.hint:
            print(f"hint: {error.hint}", file=sys.stderr)
        return error.code
    return 0
