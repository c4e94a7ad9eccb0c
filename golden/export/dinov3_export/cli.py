"""The command line of the exporter. Imports no torch; the recording processes do."""

import argparse
import contextlib
import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

from . import ENVIRONMENT, FAILED, USAGE, ExportError, checkout, photographs, pins, writer
from .recipe import PRECISIONS, PROFILES, Recipe, load_sets
from .stages import FORWARD_STAGES, TRAINING_STAGES

EXPORT = Path(__file__).resolve().parent.parent
GOLDEN = EXPORT.parent
SETS_FILE = EXPORT / "sets.toml"
PHOTOGRAPHS = GOLDEN / "photographs"


def parser() -> argparse.ArgumentParser:
    """The parser of all options."""
    p = argparse.ArgumentParser(prog="record.py", description="Records golden sets from a checkout of the reference.")
    p.add_argument("--reference", type=Path, metavar="PATH", help="checkout of the reference at the pinned commit")
    p.add_argument("words", nargs="*", metavar="NAME|key=value",
                   help="sets of sets.toml to record; with --name, overrides of the reference's config")
    p.add_argument("--list", action="store_true", help="list the sets that sets.toml defines, and stop")
    p.add_argument("--architectures", action="store_true", help="write architectures.json instead of sets")
    p.add_argument("--worker", type=Path, help=argparse.SUPPRESS)
    where = p.add_argument_group("where and how")
    where.add_argument("--out", type=Path, metavar="DIR", default=GOLDEN / "sets",
                       help="folder for the sets (default: golden/sets)")
    where.add_argument("--device", choices=("cpu", "cuda", "npu"), default="cpu")
    where.add_argument("--precision", action="append", choices=PRECISIONS,
                       help="record only this precision (repeatable)")
    where.add_argument("--inputs-from", type=Path, metavar="SET|FILE", action="append", default=[],
                       help="take crops, masks and state from this recorded set; given again with a file of `golden weights`, "
                       "take weights, buffers and draws from it")
    where.add_argument("--threads", type=int, default=2,
                       help="number of threads (default: 2, as in the committed sets)")
    where.add_argument("--no-pins", action="store_true", help="use this machine's own instruction set")
    where.add_argument("--tf32", action="store_true", help="let a GPU round the operands of float32 products to TF32, as the "
                       "reference's training program does")
    where.add_argument("--yes", action="store_true", help="replace an existing set without asking")
    adhoc = p.add_argument_group("a set that is not in sets.toml")
    adhoc.add_argument("--name", help="name of the set")
    adhoc.add_argument("--config-file", metavar="FILE", help="YAML inside the reference's checkout (default: none)")
    adhoc.add_argument("--seed", type=int, default=0)
    adhoc.add_argument("--batch-size", type=int, default=2)
    adhoc.add_argument("--warm", type=float, default=0.0,
                       help="standard deviation of the noise added to the initial weights")
    adhoc.add_argument("--stages", metavar="A,B,…", help=f"default: {','.join(FORWARD_STAGES)}; with --steps, "
                       f"{','.join(TRAINING_STAGES)}")
    adhoc.add_argument("--steps", type=int, metavar="N", help="record N training steps instead of a forward pass")
    adhoc.add_argument("--iteration", type=int, default=0, metavar="N", help="index of the first step in the schedules")
    adhoc.add_argument("--batches", type=int, default=1, metavar="N", help="number of distinct batches, taken in turn")
    adhoc.add_argument("--updates", type=int, default=0, metavar="N",
                       help="number of steps from the seed before the first recorded step")
    adhoc.add_argument("--activations", action="store_true",
                       help="with --steps: record the first step's activations and the gradients by them, in full")
    adhoc.add_argument("--world-size", type=int, default=1, metavar="N", help="number of ranks, one process each")
    adhoc.add_argument("--sample-limit", type=int, default=4096,
                       help="largest number of stored elements of a tensor; 0 stores all")
    adhoc.add_argument("--replicas", type=int, default=8, metavar="N",
                       help="number of further runs for the spread; 0 for none")
    adhoc.add_argument("--profile", choices=PROFILES, default="full")
    adhoc.add_argument("--photograph", action="append", metavar="FILE",
                       help="file of golden/photographs (default: all)")
    return p


def recipes(arguments: argparse.Namespace) -> list[Recipe]:
    """The recipes to record, from names of sets or from the options that describe a set."""
    if arguments.name:
        files = arguments.photograph or sorted(path.name for path in PHOTOGRAPHS.glob("*.jpg"))
        training = None if arguments.steps is None else {
            key: getattr(arguments, key) for key in ("iteration", "steps", "batches", "updates")
        }
        stages = arguments.stages.split(",") if arguments.stages else TRAINING_STAGES if training else FORWARD_STAGES
        return [Recipe(
            name=arguments.name, description="recorded from options on the command line", profile=arguments.profile,
            config_file=arguments.config_file, overrides=tuple(arguments.words), seed=arguments.seed,
            batch_size=arguments.batch_size, warm=arguments.warm, stages=tuple(stages),
            precisions=tuple(arguments.precision or ("truth", "fp32")), sample_limit=arguments.sample_limit,
            photographs=tuple(files), replicas=arguments.replicas, training=training, world_size=arguments.world_size,
            activations=arguments.activations,
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


def run_worker(job: dict, work: Path, pinned: bool, ranks: int = 1) -> None:
    """Runs one recording to its end, with one process per rank. If a process fails, the others are ended."""
    running: list[subprocess.Popen] = []
    try:
        for rank in range(ranks):
            file = work / f"job.{rank}.json"
            file.write_text(json.dumps({**job, "rank": rank}), encoding="utf-8")
            command = [sys.executable, str(EXPORT / "record.py"), "--worker", str(file)]
            # Progress goes to stderr; the output of libraries on stdout is discarded.
            running.append(subprocess.Popen(command, env=pins.worker_environment(pinned), stdout=subprocess.DEVNULL))
        while any(process.poll() is None for process in running):
            if any(process.poll() for process in running):
                break
            with contextlib.suppress(subprocess.TimeoutExpired):
                next(process for process in running if process.poll() is None).wait(timeout=0.2)
        failed = next((process.returncode for process in running if process.poll()), 0)
    finally:
        for process in running:
            process.kill()
            process.wait()
    if failed < 0:
        raise ExportError(f"the recording process was ended by signal {-failed}",
                          "signal 9 usually means that memory ran out", FAILED)
    if failed:
        raise ExportError(f"{job['task']} failed, see above", "", failed if failed in (USAGE, ENVIRONMENT) else FAILED)


def work_as_worker(file: Path) -> int:
    """Runs the job of a process that `run_worker` started."""
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
    """Shows the difference between the new set and the recorded set, and asks."""
    from . import score  # It needs NumPy, whose absence is to be reported, not raised, at the start.

    if score.same_bytes(target, finished):
        print("every byte is as recorded before; ", end="")
        return False
    print(score.report(target, finished))
    if yes:
        return True
    if not sys.stdin.isatty():
        raise ExportError(f"the set {target.name} exists and differs", "read the difference, then give --yes")
    return input(f"replace the recorded set {target.name}? [y/N] ").strip().lower() in ("y", "yes")


def _sources(recipe: Recipe, given: list[Path]) -> tuple[Path | None, Path | None]:
    """The recorded set and the file of weights among `--inputs-from`."""
    sets, files = [path.resolve() for path in given if path.is_dir()], [path.resolve() for path in given if not path.is_dir()]
    if len(sets) > 1 or len(files) > 1:
        raise ExportError("--inputs-from takes one set and one file of weights", "record one set at a time")
    if not files:
        return (sets[0] if sets else None), None
    if not files[0].is_file():
        raise ExportError(f"--inputs-from {files[0]}: there is no such set or file", "`golden weights SET --out FILE` writes one")
    if not sets:
        raise ExportError("--inputs-from names a file of weights and no set", "give it a second time, with the golden set's folder")
    from .tensorfile import TensorFile  # It needs NumPy, whose absence is to be reported, not raised, at the start.

    if (owner := TensorFile(files[0]).metadata().get("set")) != recipe.name:
        raise ExportError(f"{files[0].name} holds what {owner or 'no set that it names'} starts from, not {recipe.name}",
                          f"`golden weights {recipe.name} --out FILE` writes the right one")
    return sets[0], files[0]


def _bring_state(recipe: Recipe, job: dict, source: Path | None, work: Path, pinned: bool) -> None:
    """Puts the initial state of a set into `work`: the state of `source`, or the state after a float32 run from the
    seed."""
    if source is None:
        if recipe.state_of is not None:
            raise ExportError(f"{recipe.name} starts from a state of the trajectory {recipe.state_of}",
                              "give --inputs-from DIR: a folder state.N that record_trajectory.py kept, or the recorded set")
        run_worker({**job, "task": f"running {recipe.name} to its state", "mode": "state", "precision": "fp32",
                    "replicas": 0, "all_steps": False}, work, pinned, recipe.world_size)
    elif (source / writer.STATE).is_file():
        shutil.copyfile(source / writer.STATE, work / writer.STATE)
    else:
        raise ExportError(f"--inputs-from {source}: it holds no {writer.STATE}, but {recipe.name} starts from a state",
                          f"give a recording of {recipe.name}")


def record(recipe: Recipe, reference: Path, arguments: argparse.Namespace) -> None:
    """Records one set into a temporary folder beside its final one, and moves it there."""
    precisions = recipe.ordered_precisions(arguments.precision)
    source, weights = _sources(recipe, arguments.inputs_from)
    if weights is not None and (recipe.loss_battery or recipe.data_battery):
        raise ExportError(f"{recipe.name} starts from no weights", "leave the file out")
    pictures = [] if recipe.loss_battery else photographs.hashes(PHOTOGRAPHS, list(recipe.photographs), source)
    out = arguments.out.resolve()
    machine_paths = _machine_paths(reference, out)
    writer.check_paths(list(recipe.overrides), machine_paths, "overrides")
    out.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=f".{recipe.name}.", dir=out))
    try:
        job = {
            "task": f"recording {recipe.name}", "reference": str(reference), "recipe": asdict(recipe),
            "device": arguments.device, "threads": arguments.threads, "photographs": str(PHOTOGRAPHS),
            "inputs_from": str(source) if source else None, "mode": "record",
            "weights": str(weights) if weights else None,
            "tf32": arguments.tf32,
            "noted": ({"weights": hashlib.sha256(weights.read_bytes()).hexdigest()} if weights else {})
            | ({"tf32": True} if arguments.tf32 else {}),
        }
        if recipe.has_state:
            _bring_state(recipe, job, source, work, not arguments.no_pins)
        for precision in precisions:
            replicas = recipe.replicas_of(precision, precisions)
            run_worker({**job, "precision": precision, "replicas": replicas,
                        "all_steps": recipe.records_trajectory(precision)}, work, not arguments.no_pins, recipe.world_size)
        finished = writer.collect(work, precisions, recipe, pictures, machine_paths)
        target = out / recipe.name
        if target.exists() and not _may_replace(target, finished, arguments.yes):
            print(f"{recipe.name}: nothing was replaced")
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
            print(f"{recipe.name:<16} {recipe.profile:<6} {','.join(recipe.precisions):<16} {recipe.description}")
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
            run_worker(job, Path(work), False)
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
        print("interrupted; nothing was replaced", file=sys.stderr)
        return 130
