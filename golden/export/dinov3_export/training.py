"""Records one precision of a set of training steps, in a separate process for each rank."""

import json
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path

import torch

from . import USAGE, ExportError, inputs, state
from .activations import Activations
from .build import build, parts
from .driver import Observer, Trainer, meter, on_device
from .entries import seen
from .hooks import host_draws, taps_of, widened_casts
from .names import named, path_in
from .recorder import Recorder, Trajectory, final
from .recipe import student_of
from .replicas import Replicas
from .spread import Spread
from .stages import has_spread
from .writer import INPUTS, MANIFEST, STATE


def _backward_order(out: Path, inputs_from: str | None) -> list[str]:
    """The student's parameters in backward order, from another precision of this recording or from the golden set."""
    for precision in ("truth", "fp32"):
        if (recorded := out / f"{precision}.json").is_file():
            found = json.loads(recorded.read_text(encoding="utf-8"))["entries"]
            break
    else:
        if inputs_from is None:
            raise ExportError("a sharded model does not reveal its backward order",
                              "record truth or fp32 along with bf16, or give --inputs-from SET", USAGE)
        found = json.loads((Path(inputs_from) / MANIFEST).read_text(encoding="utf-8"))["entries"]
    gradients = [path for entry in found if (path := path_in("grad", entry["name"])) is not None]
    return [path.removeprefix("student.") for path in gradients if path.startswith("student.")]


class Run:
    """The steps of one recording process: its model, its batches, its place in the group."""

    def __init__(self, session, out: Path) -> None:
        job, recipe = session.job, session.recipe
        self.session, self.out, self.recipe = session, out, recipe
        self.training, self.rank, self.device = recipe["training"], job["rank"], job["device"]
        self.ranks = recipe["world_size"]
        # The reference compiles the modules that it shards.
        self.sharded = job["precision"] == "bf16" or (job["precision"] == "fp32" and (self.ranks > 1 or session.compiled))
        self.updates = self.training.get("updates", 0)
        via_host = True if self.ranks > 1 else job.get("via_host")
        self.model = build(session.cfg, job["precision"], self.device, recipe["seed"], recipe["warm"],
                           via_host=via_host, shard=self.sharded, brought=session.brought, students=bool(recipe["students"]))
        self.stored = session.stored_inputs(lambda: inputs.batches(
            session.cfg, self.model, Path(job["photographs"]), recipe))
        stated = self.updates or recipe["state_of"] is not None
        self.state = state.load(out / STATE) if stated and job["mode"] != "state" else None
        session.say("weights ready")

    def trainer(self, weights: bool = True) -> Trainer:
        """A new optimizer on the model, and the random stream, in their state before the first step; `weights`: the
        weights too."""
        trainer = Trainer(self.session.cfg, self.model, sum_gradients=self.ranks > 1 and not self.sharded)
        if self.state is not None:
            state.restore(trainer, self.state, self.updates, weights)
        else:
            torch.manual_seed(self.recipe["seed"] + 2)
        return trainer

    def batch(self, it: int) -> dict[str, torch.Tensor]:
        """The inputs of this rank's model at an iteration."""
        number = (it * self.ranks + self.rank) % self.training["batches"]
        if f"{number}.masks" not in self.stored:
            raise ExportError(f"the inputs hold no batch {number}", "--inputs-from needs a recording of the same set", USAGE)
        crops = self.session.cfg.crops
        fed = {}
        for name in ("global_crops", "local_crops", "gram_teacher_crops", "masks"):
            if (tensor := self.stored.get(f"{number}.{name}")) is not None:
                if tensor.dtype == torch.uint8:
                    tensor = inputs.normalise(tensor, crops.rgb_mean, crops.rgb_std)
                fed[name] = tensor if name == "masks" else tensor.to(self.session.dtype)
        return fed

    def _images_of_all(self) -> int:
        several = self.session.cfg.multidistillation
        return several.global_batch_size if several.enabled else self.recipe["batch_size"] * self.ranks

    def step(self, trainer: Trainer, it: int, fed: dict[str, torch.Tensor], observer: Observer):
        """One step; see `Trainer.step`."""
        indices, weights = inputs.mask_figures(fed["masks"])
        data = {f"collated_{name}": tensor for name, tensor in fed.items()}
        data |= {
            "mask_indices_list": indices, "masks_weight": weights, "upperbound": indices.numel(),
            # A new tensor for each step, because the reference sums it over the ranks in place.
            "n_masked_patches": torch.full((1,), indices.numel(), dtype=torch.long),
            "global_batch_size": self._images_of_all(),
        }
        with self.session.draws() if it == self.training["iteration"] else nullcontext():
            return trainer.step(it, data, observer)


@contextmanager
def _as_recorded(session):
    """A context for the reference's code on this device and at this precision."""
    device = session.job["device"]
    with on_device(device), host_draws(device), widened_casts(session.job["precision"] == "truth"):
        yield


def _steps(run: Run) -> None:
    """Records the first step in full, then the other steps if this precision records them."""
    session, recipe = run.session, run.recipe
    first, store = run.training["iteration"], session.store
    trainer = run.trainer()
    if student_of(recipe, run.rank):
        _follow(run, trainer)
        return
    order = _backward_order(run.out, session.job["inputs_from"]) if run.sharded else None
    count, precision = session.job["replicas"], session.job["precision"]
    again = Replicas(parts(run.model).values(), recipe["seed"], count, precision) if count else None
    taps = partial(taps_of, job=session.job)
    activations = Activations(run.model, run.device, store.add, taps) if session.activations else None
    recorder = Recorder(trainer, recipe["stages"], store.add, order, activations)
    recorder.tables()
    trajectory = Trajectory()
    trajectory.log(*run.step(trainer, first, run.batch(first), recorder))
    session.say("first step recorded")
    if session.job["all_steps"]:
        for it in range(first + 1, first + run.training["steps"]):
            trajectory.log(*run.step(trainer, it, run.batch(it), Observer()))
        session.say(f"{run.training['steps']} steps taken")
        _record_trajectory(session, trainer, trajectory)
    if again is not None:
        # The moments of the taken steps are freed before another run allocates its own.
        del trainer, recorder, activations
        _spread(run, order, again)


def _follow(run: Run, trainer: Trainer) -> None:
    """Takes the steps of a student that is not recorded, since the others need its batches."""
    session, first = run.session, run.training["iteration"]
    count, precision = session.job["replicas"], session.job["precision"]
    again = Replicas(parts(run.model).values(), run.recipe["seed"], count, precision) if count else None
    for it in range(first, first + (run.training["steps"] if session.job["all_steps"] else 1)):
        run.step(trainer, it, run.batch(it), Observer())
    for fed in again.runs(run.batch(first)) if again is not None else ():
        run.step(run.trainer(weights=False), first, fed, Observer())


def _record_trajectory(session, trainer: Trainer, trajectory: Trajectory) -> None:
    tables = list(trajectory.tables())
    for name, values in tables:
        session.store.add(named("trajectory", name), "trajectory", values)
    # The reference sums up the meters of all students, and those of the others are not here.
    for name, values in tables if not session.recipe["students"] else ():
        figures = meter([value.item() for value in values], session.job["device"])
        session.store.add(named("metric", name), "trajectory", torch.tensor(figures, dtype=torch.float64))
    for name, tensor in final(trainer):
        session.store.add(name, "trajectory", tensor)


def _spread(run: Run, order: list[str] | None, again: Replicas) -> None:
    """Repeats the first step, each time with every weight and pixel moved by one rounding, and records the largest
    distance of each entry from the truth. The moments of a state are not moved, and activations, which the truth does
    not have, are not watched."""
    session, first = run.session, run.training["iteration"]
    spread = Spread(run.out) if run.rank == 0 else None

    def see(name: str, stage: str, tensor: torch.Tensor) -> None:
        if spread is not None and has_spread(stage, name):
            seen(name, tensor, session.store.limit(stage), spread)

    for fed in again.runs(run.batch(first)):
        trainer = run.trainer(weights=False)
        run.step(trainer, first, fed, Recorder(trainer, run.recipe["stages"], see, order))
        # Freed before the next run allocates its own moments.
        del trainer
        if spread is not None:
            spread.end_run()
            session.say(f"run {spread.runs} of {again.count} for the spread done")
    if spread is not None:
        session.store.add_spread(spread)


def _run_to_state(run: Run) -> None:
    """Runs from the seed to the initial state of the set."""
    from safetensors.torch import save_file

    first, trainer = run.training["iteration"], run.trainer()
    for it in range(first - run.updates, first):
        run.step(trainer, it, run.batch(it), Observer())
    save_file(state.tensors(trainer), run.out / STATE)
    run.session.say(f"the state after {run.updates} steps is there")


def record(session, out: Path) -> None:
    """Takes the steps; writes the inputs to `out`, and fills the session's store."""
    from safetensors.torch import save_file

    run = Run(session, out)
    if session.job["mode"] == "state":
        with _as_recorded(session):
            _run_to_state(run)
        return
    with _as_recorded(session):
        _steps(run)
    if run.rank == 0:
        save_file(run.stored, out / f"{session.job['precision']}.{INPUTS}")
