"""The command line of the exporter. Imports no torch; the recording processes do."""

import argparse
import json
import signal
import sys
import tempfile
from pathlib import Path

from . import ExportError, candidates, checkout, jobs, pins, recording, sources
from .recipe import PRECISIONS, PROFILES, Recipe, load_sets, nearest
from .recording import EXPORT, GOLDEN, PHOTOGRAPHS, Settings
from .stages import FORWARD_STAGES, TRAINING_STAGES

SETS_FILE = EXPORT / "sets.toml"
SETS = GOLDEN / "sets"


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
    where.add_argument("--out", type=Path, metavar="DIR", default=SETS, help="folder for the sets (default: golden/sets)")
    where.add_argument("--device", metavar="DEVICE", default="cpu", help="a device of torch: cpu, cuda:1, npu, xpu, … (default: cpu)")
    where.add_argument("--import", metavar="MODULE", action="append", default=[], dest="imports",
                       help="import this before the device is used, for a device that a package of its own adds (repeatable)")
    where.add_argument("--backend", metavar="NAME", help="the device's backend of torch.distributed, where torch does not know it")
    where.add_argument("--precision", action="append", choices=PRECISIONS,
                       help="record only this precision (repeatable)")
    where.add_argument("--inputs-from", type=Path, metavar="SET|FILE|DIR", action="append", default=[],
                       help="take crops, masks and state from this recorded set; given again with a file of `golden weights`, "
                       "take weights, buffers and draws from it; of a folder, take the set, or NAME.weights.safetensors, of the "
                       "recorded set's name")
    where.add_argument("--threads", type=int, default=2,
                       help="number of threads (default: 2, as in the committed sets)")
    where.add_argument("--no-pins", action="store_true", help="use this machine's own instruction set")
    where.add_argument("--tf32", action="store_true", help="let a GPU round the operands of float32 products to TF32, as the "
                       "reference's training program does")
    where.add_argument("--yes", action="store_true", help="replace an existing set without asking")
    other = p.add_argument_group("a candidate: another machine's or another code's recording, to be judged by a golden set")
    other.add_argument("--candidate-of", type=Path, metavar="SETS",
                       help="record these golden sets (a folder of sets, or one set; NAMEs choose among them) as candidates, each with "
                       "its own inputs, at each of its precisions, all in one process")
    other.add_argument("--candidate", action="store_true", help="record the named sets as candidates")
    other.add_argument("--pristine", type=Path, metavar="PATH",
                       help="an untouched checkout, from which the difference of a patched one without git is told")
    other.add_argument("--compile", action="store_true", help="compile as the recipe has it (train.compile), at bf16; eager by default")
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
            raise ExportError(f"there is no set `{word}`",
                              "overrides need --name" if "=" in word else nearest(word, known, "sets.toml has"))
    return [known[word] for word in arguments.words]


def work_as_worker(file: Path) -> int:
    """Runs the job, or the jobs, of a process that `jobs` started."""
    job = json.loads(file.read_text(encoding="utf-8"))
    from . import worker

    if job["task"] == "architectures":
        from . import architectures

        worker.prepare(Path(job["reference"]), "cpu", job["threads"])
        architectures.write(Path(job["reference"]), Path(job["target"]))
    elif job["task"] == "sequence":
        worker.record_all(job["jobs"])
    else:
        worker.prepare_for(job)
        worker.record(job, file.parent)
    return 0


def _check(arguments: argparse.Namespace) -> None:
    """Refuses options that contradict each other."""
    if arguments.threads < 1:
        raise ExportError("--threads must be at least 1")
    if arguments.candidate_of and arguments.name:
        raise ExportError("--name describes a set, and --candidate-of names recorded ones", "give one of the two")
    candidate = arguments.candidate or arguments.candidate_of is not None
    for option, given in (("--pristine", arguments.pristine), ("--compile", arguments.compile)):
        if given and not candidate:
            raise ExportError(f"{option} is for candidates", "golden sets are recorded eagerly, from the untouched commit; give "
                              "--candidate-of SETS, or --candidate")
    if arguments.compile:
        if set(arguments.precision or ()) - {"bf16"}:
            raise ExportError("compiled code is recorded at bf16, as the recipe has it", "at fp32 the reference "
                              "rotates queries and keys in bfloat16, and a compiled rotation leaves out the rounding of its products; "
                              "record fp32 without --compile")
        arguments.precision = ["bf16"]
    if candidate and arguments.out.expanduser().resolve() == SETS.resolve():
        raise ExportError("a candidate is not recorded among the golden sets", "give --out DIR")
    for folder in (arguments.out.expanduser(), *arguments.out.expanduser().parents):
        if folder.exists():
            if not folder.is_dir():
                raise ExportError(f"--out {arguments.out}: {folder} is no folder", "give a folder for the sets")
            break


def _checkout(arguments: argparse.Namespace, candidate: bool) -> checkout.Checkout:
    """The checkout; a golden set wants an untouched one."""
    if arguments.reference is None:
        raise ExportError("--reference PATH is missing", checkout.WANTED)
    if not candidate:
        checkout.check(arguments.reference)
    found = checkout.inspect(arguments.reference, pristine=arguments.pristine)
    if found.diff is not None:
        print(f"the checkout is patched: {found.diff.said()}; the candidate's manifest says so", flush=True)
    return found


def _architectures(reference: Path) -> None:
    target = GOLDEN / "architectures.json"
    with tempfile.TemporaryDirectory() as work:
        job = {"task": "architectures", "reference": str(reference), "threads": 1, "target": str(target)}
        jobs.run_worker(job, Path(work), False)
    print(f"{target.name}: {target.stat().st_size / 1e3:.0f} kB")


def _precisions(recipe: Recipe, arguments: argparse.Namespace) -> list[str]:
    if not arguments.candidate:
        return recipe.ordered_precisions(arguments.precision)
    if found := candidates.precisions_of(recipe, arguments.precision):
        return found
    raise ExportError(f"{recipe.name} is not recorded at {', '.join(arguments.precision or ['fp32'])}",
                      f"it has {', '.join(recipe.precisions)}")


def _run(arguments: argparse.Namespace) -> int:
    if arguments.worker:
        return work_as_worker(arguments.worker)
    if arguments.list:
        for recipe in load_sets(SETS_FILE).values():
            print(f"{recipe.name:<16} {recipe.profile:<6} {','.join(recipe.precisions):<16} {recipe.description}")
        return 0
    _check(arguments)
    candidate = arguments.candidate or arguments.candidate_of is not None
    wanted = [] if arguments.architectures or arguments.candidate_of else recipes(arguments)
    found = _checkout(arguments, candidate)
    pins.require_packages(arguments.device, arguments.imports)
    if arguments.architectures:
        _architectures(found.path)
    settings = Settings(
        checkout=found, out=arguments.out.expanduser().resolve(), device=arguments.device, imports=tuple(arguments.imports),
        backend=arguments.backend, threads=arguments.threads, pinned=not arguments.no_pins, tf32=arguments.tf32,
        compiled=arguments.compile, candidate=candidate, yes=arguments.yes,
    )
    if arguments.candidate_of:
        return candidates.record(arguments, settings, load_sets(SETS_FILE))
    # Everything is refused before the first recording, which takes a minute.
    planned = [(recipe, _precisions(recipe, arguments), sources.find(recipe, arguments.inputs_from)) for recipe in wanted]
    for recipe, precisions, found_in in planned:
        recipe.check_order(precisions, found_in.folder is not None)
    told = [row for row in planned if row[2].folder is not None]
    if candidate and (said := candidates.drawn_anew(told, candidates.torch_version())):
        print(said, file=sys.stderr, flush=True)
    for recipe, precisions, found_in in planned:
        recording.record(recipe, precisions, found_in, settings)
    return 0


def _interrupt(*_) -> None:
    raise KeyboardInterrupt


def main(argv: list[str]) -> int:
    """Parses, runs, and turns errors into a message, a hint and an exit code."""
    # What ends a job of a cluster: the recording processes end too, and nothing half recorded stays.
    if "--worker" not in argv:
        signal.signal(signal.SIGTERM, _interrupt)
    try:
        return _run(parser().parse_intermixed_args(argv))
    except ExportError as error:
        print(f"error: {error}", file=sys.stderr)
        if error.hint:
            print(f"hint: {error.hint}", file=sys.stderr)
        return error.code
    except KeyboardInterrupt:
        # A recording process hears of it too, and its parent speaks for both.
        if "--worker" not in argv:
            print("interrupted; nothing was replaced", file=sys.stderr)
        return 130
