"""The command line: which sets, on which device, into which folder. Imports no torch; the recording processes do."""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

from . import ENVIRONMENT, FAILED, USAGE, ExportError, checkout, photographs, pins, writer
from .recipe import PRECISIONS, PROFILES, Recipe, load_sets

EXPORT = Path(__file__).resolve().parent.parent
GOLDEN = EXPORT.parent
SETS_FILE = EXPORT / "sets.toml"
PHOTOGRAPHS = GOLDEN / "photographs"


def parser() -> argparse.ArgumentParser:
    """All options."""
    p = argparse.ArgumentParser(prog="record.py", description="Records golden sets from a checkout of the reference.")
    p.add_argument("--reference", type=Path, metavar="PATH", help="checkout of the reference at the pinned commit")
    p.add_argument("words", nargs="*", metavar="NAME|key=value",
                   help="sets of sets.toml to record; with --name, overrides of the reference's config")
    p.add_argument("--list", action="store_true", help="list the sets that sets.toml defines, and stop")
    p.add_argument("--architectures", action="store_true", help="write architectures.json instead of sets")
    p.add_argument("--worker", type=Path, help=argparse.SUPPRESS)
    where = p.add_argument_group("where and how")
    where.add_argument("--out", type=Path, metavar="DIR", default=GOLDEN / "sets", help="default: golden/sets")
    where.add_argument("--device", choices=("cpu", "cuda", "npu"), default="cpu")
    where.add_argument("--precision", action="append", choices=PRECISIONS, help="record only these (repeat the option)")
    where.add_argument("--inputs-from", type=Path, metavar="SET", help="take crops and masks from this recorded set")
    where.add_argument("--threads", type=int, default=2, help="default: 2, as in the committed sets")
    where.add_argument("--no-pins", action="store_true", help="use this machine's own instruction set")
    where.add_argument("--yes", action="store_true", help="replace an existing set without asking")
    adhoc = p.add_argument_group("a set that is not in sets.toml")
    adhoc.add_argument("--name", help="its name")
    adhoc.add_argument("--config-file", metavar="FILE", help="YAML inside the reference's checkout (default: none)")
    adhoc.add_argument("--seed", type=int, default=0)
    adhoc.add_argument("--batch-size", type=int, default=2)
    adhoc.add_argument("--warm", type=float, default=0.0, help="standard deviation of noise on the fresh weights")
    adhoc.add_argument("--stages", default="init,data,forward", metavar="A,B,…")
    adhoc.add_argument("--sample-limit", type=int, default=4096, help="elements kept of a tensor; 0 keeps all")
    adhoc.add_argument("--replicas", type=int, default=8, metavar="N", help="runs for the spread of fp32; 0 for none")
    adhoc.add_argument("--profile", choices=PROFILES, default="full")
    adhoc.add_argument("--photograph", action="append", metavar="FILE", help="of golden/photographs (default: all)")
    return p


def recipes(arguments: argparse.Namespace) -> list[Recipe]:
    """What is to be recorded, from names of sets or from the options that describe one."""
    if arguments.name:
        files = arguments.photograph or sorted(path.name for path in PHOTOGRAPHS.glob("*.jpg"))
        return [Recipe(
            name=arguments.name, description="recorded from options on the command line", profile=arguments.profile,
            config_file=arguments.config_file, overrides=tuple(arguments.words), seed=arguments.seed,
            batch_size=arguments.batch_size, warm=arguments.warm, stages=tuple(arguments.stages.split(",")),
            precisions=tuple(arguments.precision or ("truth", "fp32")), sample_limit=arguments.sample_limit,
            photographs=tuple(files), replicas=arguments.replicas,
        )]
    known = load_sets(SETS_FILE)
    if not arguments.words:
        raise ExportError("no set is named", f"one or more of: {', '.join(known)}; or describe one with --name")
    for word in arguments.words:
        if word not in known:
            hint = "overrides need --name" if "=" in word else f"sets.toml has: {', '.join(known)}"
            raise ExportError(f"there is no set `{word}`", hint)
    return [known[word] for word in arguments.words]


def _machine_paths(reference: Path, out: Path) -> list[str]:
    places = [reference, out, GOLDEN.parent, Path.cwd(), Path.home(), Path(sys.prefix), Path(tempfile.gettempdir())]
    return sorted({str(path.resolve()) for path in places} | {str(path) for path in places if path.is_absolute()})


def run_worker(job: dict, work: Path, pinned: bool) -> None:
    """Runs one recording process to its end."""
    file = work / "job.json"
    file.write_text(json.dumps(job), encoding="utf-8")
    command = [sys.executable, str(EXPORT / "record.py"), "--worker", str(file)]
    # Progress goes to stderr; what libraries print on stdout is not ours to hand on.
    done = subprocess.run(command, env=pins.worker_environment(pinned), stdout=subprocess.DEVNULL, check=False)
    if done.returncode < 0:
        raise ExportError(f"the recording process was ended by signal {-done.returncode}",
                          "signal 9 usually means that memory ran out", FAILED)
    if done.returncode:
        code = done.returncode if done.returncode in (USAGE, ENVIRONMENT) else FAILED
        raise ExportError(f"{job['task']} failed, see above", "", code)


def work_as_worker(file: Path) -> int:
    """The other side of `run_worker`."""
    job = json.loads(file.read_text(encoding="utf-8"))
    if job["task"] == "architectures":
        from . import architectures, worker

        worker.prepare(Path(job["reference"]), "cpu", job["threads"])
        architectures.write(Path(job["reference"]), Path(job["target"]))
        return 0
    from . import worker

    worker.record(job, file.parent)
    return 0


def _may_replace(target: Path, finished: Path, yes: bool) -> bool:
    """Shows how the new set differs from the recorded one, and asks."""
    from . import score  # It needs NumPy, whose absence is to be reported, not raised, at the start.

    if score.same_bytes(target, finished):
        print("every byte as recorded before; ", end="")
        return False
    print(score.report(target, finished))
    if yes:
        return True
    if not sys.stdin.isatty():
        raise ExportError(f"the set {target.name} exists and differs", "look at the difference, then give --yes")
    return input(f"replace the recorded set {target.name}? [y/N] ").strip().lower() in ("y", "yes")


def record(recipe: Recipe, reference: Path, arguments: argparse.Namespace) -> None:
    """Records one set into a folder beside its place, and moves it there."""
    precisions = recipe.ordered_precisions(arguments.precision)
    source = arguments.inputs_from.resolve() if arguments.inputs_from else None
    pictures = photographs.hashes(PHOTOGRAPHS, list(recipe.photographs), source)
    out = arguments.out.resolve()
    machine_paths = _machine_paths(reference, out)
    writer.check_paths(list(recipe.overrides), machine_paths, "overrides")
    out.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=f".{recipe.name}.", dir=out))
    try:
        job = {
            "task": f"recording {recipe.name}", "reference": str(reference), "recipe": asdict(recipe),
            "device": arguments.device, "threads": arguments.threads, "photographs": str(PHOTOGRAPHS),
            "inputs_from": str(source) if source else None,
        }
        for precision in precisions:
            replicas = recipe.replicas_of(precision, precisions)
            run_worker({**job, "precision": precision, "replicas": replicas}, work, not arguments.no_pins)
        finished = writer.collect(work, precisions, recipe, pictures, machine_paths)
        target = out / recipe.name
        if target.exists() and not _may_replace(target, finished, arguments.yes):
            print(f"{recipe.name}: nothing replaced")
            return
        writer.install(finished, target)
        size = sum(path.stat().st_size for path in target.iterdir())
        print(f"{recipe.name}: recorded, {size / 1e6:.1f} MB")
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _run(arguments: argparse.Namespace) -> int:
    if arguments.worker:
        return work_as_worker(arguments.worker)
    if arguments.list:
        for recipe in load_sets(SETS_FILE).values():
            print(f"{recipe.name:<14} {recipe.profile:<6} {','.join(recipe.precisions):<16} {recipe.description}")
        return 0
    if arguments.threads < 1:
        raise ExportError("--threads must be at least 1")
    wanted = [] if arguments.architectures else recipes(arguments)
    if arguments.reference is None:
        raise ExportError("--reference PATH is missing", checkout.WANTED)
    reference = checkout.check(arguments.reference)
    pins.require_packages(arguments.device)
    if arguments.architectures:
        target = GOLDEN / "architectures.json"
        with tempfile.TemporaryDirectory() as work:
            job = {"task": "architectures", "reference": str(reference), "threads": 1, "target": str(target)}
            run_worker(job, Path(work), True)
        print(f"{target.name}: {target.stat().st_size / 1e3:.0f} kB")
    for recipe in wanted:
        record(recipe, reference, arguments)
    return 0


def main(argv: list[str]) -> int:
    """Parses, runs, and turns errors into a message, a hint and an exit code."""
    try:
        return _run(parser().parse_intermixed_args(argv))
    except ExportError as error:
        print(f"error: {error}", file=sys.stderr)
        if error.hint:
            print(f"hint: {error.hint}", file=sys.stderr)
        return error.code
    except KeyboardInterrupt:
        print("interrupted, nothing replaced", file=sys.stderr)
        return 130
