"""The command line of the recorder of trajectories. Imports no torch; the recording process does."""

import argparse
import json
import subprocess
import sys
from pathlib import Path

from . import FAILED, USAGE, ExportError, checkout, gathering, pins
from .cli import EXPORT, GOLDEN

RECIPES = GOLDEN.parent / "model" / "program" / "recipes"
RECIPE, IMAGES = RECIPES / "micro-125k.yaml", RECIPES / "photographs"
STEPS = 125_000
# The states of the golden sets trajectory_N: just before the first step, the last one, and some between.
KEPT = (0, 1, 10, 100, 1000, 10_000, 60_000, 124_999)


def _sources(p: argparse.ArgumentParser) -> None:
    p.add_argument("--recipe", type=Path, metavar="FILE", default=RECIPE, help="config (default: micro-125k)")
    p.add_argument("--images", type=Path, metavar="DIR", default=IMAGES,
                   help="a folder of ImageNet's layout (default: the photographs on board)")


def parser() -> argparse.ArgumentParser:
    """The parser of both commands."""
    p = argparse.ArgumentParser(prog="record_trajectory.py",
                                description="Records runs of the reference's own training program.")
    p.add_argument("--worker", type=Path, help=argparse.SUPPRESS)
    commands = p.add_subparsers(dest="command", metavar="COMMAND")
    run = commands.add_parser("run", help="record a run; one that was ended goes on from its last checkpoint")
    run.add_argument("overrides", nargs="*", metavar="key=value", help="overrides of the recipe")
    run.add_argument("--reference", type=Path, metavar="PATH", required=True,
                     help="checkout of the reference at the pinned commit")
    run.add_argument("--out", type=Path, metavar="DIR", required=True, help="folder of the run")
    run.add_argument("--precision", choices=("fp32", "bf16"), default="fp32")
    run.add_argument("--program", choices=("plain", "fsdp2"), default="plain",
                     help="with plain modules, which have the program's bits in fp32, or as it is (default: plain)")
    _sources(run)
    run.add_argument("--steps", type=int, metavar="N", default=STEPS, help=f"number of steps (default: {STEPS})")
    run.add_argument("--every", type=int, metavar="N", default=1000, help="hash the state each N steps (default: 1000)")
    run.add_argument("--checkpoint", type=int, metavar="N", default=2500, help="save each N steps (default: 2500)")
    run.add_argument("--threads", type=int, metavar="N", default=1)
    gather = commands.add_parser("gather", help="put finished runs of one recipe together to a golden trajectory")
    gather.add_argument("runs", nargs="+", type=Path, metavar="DIR", help="folders of finished runs")
    gather.add_argument("--out", type=Path, metavar="DIR", default=GOLDEN / "trajectories" / "micro_125k")
    gather.add_argument("--description", default="the reference's own program on the recipe micro-125k")
    _sources(gather)
    return p


def _job(arguments: argparse.Namespace, reference: Path, out: Path) -> dict:
    for name in ("steps", "every", "checkpoint", "threads"):
        if getattr(arguments, name) < 1:
            raise ExportError(f"--{name} must be at least 1", "", USAGE)
    if arguments.program == "plain" and arguments.precision != "fp32":
        raise ExportError("plain modules are the program's in fp32 alone", "give --program fsdp2", USAGE)
    return {
        "reference": str(reference), "out": str(out), "recipe": str(arguments.recipe.resolve()),
        "images": str(arguments.images.resolve()), "precision": arguments.precision, "program": arguments.program,
        "steps": arguments.steps, "every": arguments.every, "kept": KEPT, "checkpoint": arguments.checkpoint,
        "threads": arguments.threads,
        "overrides": [f"compute_precision.param_dtype={arguments.precision}", *arguments.overrides],
    }


def _run(arguments: argparse.Namespace) -> None:
    reference = checkout.check(arguments.reference)
    pins.require_packages("cpu")
    out = arguments.out.resolve()
    job = _job(arguments, reference, out)
    out.mkdir(parents=True, exist_ok=True)
    file = out / "job.json"
    file.write_text(json.dumps(job, indent=1) + "\n", encoding="utf-8")
    environment = pins.worker_environment(pinned=True)
    # The loader's own process takes it too.
    environment |= {"OMP_NUM_THREADS": str(job["threads"]), "OMP_WAIT_POLICY": "passive"}
    command = [sys.executable, str(EXPORT / "record_trajectory.py"), "--worker", str(file)]
    if subprocess.run(command, env=environment, check=False).returncode:
        raise ExportError("the recording failed, see above", "the same command goes on from its last checkpoint", FAILED)


def main(argv: list[str]) -> int:
    """Runs a command. Returns the exit code."""
    arguments = parser().parse_args(argv)
    try:
        if arguments.worker:
            from . import trajectory

            trajectory.record(json.loads(arguments.worker.read_text(encoding="utf-8")))
        elif arguments.command == "run":
            _run(arguments)
        elif arguments.command == "gather":
            folders = [folder.resolve() for folder in arguments.runs]
            gathering.gather(folders, arguments.out.resolve(), arguments.recipe, arguments.images, arguments.description)
            size = sum(path.stat().st_size for path in arguments.out.iterdir())
            print(f"{arguments.out.name}: {len(folders)} runs, {size / 1e6:.1f} MB")
        else:
            raise ExportError("no command is given", "run records a run, gather puts runs together", USAGE)
    except ExportError as error:
        print(f"error: {error}", file=sys.stderr)
        if error.hint:
            print(f"hint: {error.hint}", file=sys.stderr)
        return error.code
    return 0
