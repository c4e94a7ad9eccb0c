"""Records a run of the reference's own training program: every logged figure, each step's loss, hashes of its states.

The program itself runs (`dinov3/train/train.py`), with its loader, schedules, meters and loop. The recorder takes the
place of its `MetricLogger`, which sees every iteration, and of its checkpoints, which do not resume exactly."""

import hashlib
import json
import os
import sys
from collections import deque
from pathlib import Path
from types import SimpleNamespace

import torch

from . import FAILED, ExportError, gathering, kept, state
from .recorder import moments
from .sharding import full

CHECKPOINT = "checkpoint.pt"
METRICS = "training_metrics.json"
# Not figures of the run, but of the machine.
TIMES = ("iter_time", "data_time")


def _update(digest, name: str, tensor: torch.Tensor) -> None:
    raw = full(tensor.detach()).contiguous().reshape(-1).view(torch.uint8)
    digest.update(name.encode("utf-8") + b"\0")
    digest.update(raw.numpy().tobytes())


def digest_of(tensors: dict[str, torch.Tensor]) -> str:
    """SHA-256 over the tensors in the order of their names' bytes: of each the name, a zero byte, and its own bytes."""
    digest = hashlib.sha256()
    for name in sorted(tensors, key=lambda name: name.encode("utf-8")):
        _update(digest, name, tensors[name])
    return digest.hexdigest()


def weights_of(model) -> dict[str, torch.Tensor]:
    """All parameters and buffers of the student and its average."""
    found = {}
    for part, network in (("student", model.student), ("model_ema", model.model_ema)):
        for name, tensor in [*network.named_parameters(), *network.named_buffers()]:
            found[f"{part}.{name}"] = tensor
    return found


def moments_of(trainer) -> dict[str, torch.Tensor]:
    """The moments of all parameters of the student that have some."""
    found = {}
    for name, _, mean, square in moments(trainer):
        if mean is not None:
            found[f"exp_avg.student.{name}"], found[f"exp_avg_sq.student.{name}"] = mean, square
    return found


def hashes(trainer, step: int) -> dict:
    """The three hashes of a state."""
    return {
        "step": step,
        "weights": digest_of(weights_of(trainer.model)),
        "moments": digest_of(moments_of(trainer)),
        "streams": hashlib.sha256(torch.get_rng_state().numpy().tobytes()).hexdigest(),
    }


class Recording:
    """What has been recorded so far, and where the run stands."""

    def __init__(self, job: dict) -> None:
        self.job, self.out = job, Path(job["out"])
        self.trainer = SimpleNamespace(model=None, optimizer=None)
        self.normal: tuple = ()
        self.horizon = 0
        self.losses: list[float] = []
        self.iterations: list[int] = []
        self.columns: dict[str, list[float]] = {}
        self.states: list[dict] = []
        self.start, self._saved = 0, None
        if (self.out / CHECKPOINT).is_file():
            self._saved = torch.load(self.out / CHECKPOINT, weights_only=False)
            self.start = self._saved["step"]

    def resume(self, meters: dict) -> None:
        """Restores the state of the checkpoint, when the loader has come to its step."""
        from dinov3.logging import SmoothedValue

        saved = self._saved
        state.restore(self.trainer, saved["state"], self.start)
        self.losses, self.iterations, self.columns = saved["losses"], saved["iterations"], saved["columns"]
        self.states = saved["states"]
        for name, (values, count, total) in saved["meters"].items():
            meter = meters[name] = SmoothedValue()
            meter.deque, meter.count, meter.total = deque(values, maxlen=meter.deque.maxlen), count, total
        self._saved = None

    def save(self, step: int, meters: dict) -> None:
        """Writes a checkpoint, from which a restarted recording goes on to the same bits."""
        content = {
            "step": step, "state": state.tensors(self.trainer),
            "losses": self.losses, "iterations": self.iterations, "columns": self.columns, "states": self.states,
            "meters": {name: (list(meter.deque), meter.count, meter.total) for name, meter in meters.items()},
        }
        aside = self.out / f"{CHECKPOINT}.tmp"
        torch.save(content, aside)
        os.replace(aside, self.out / CHECKPOINT)

    def before(self, step: int, batch: dict, meters: dict) -> None:
        """Looks at the state after so many steps, and at the batch that comes next."""
        job = self.job
        if step and step % job["every"] == 0 and (not self.states or self.states[-1]["step"] < step):
            self.states.append(hashes(self.trainer, step))
        if step in job["kept"]:
            kept.write(self.out / f"state.{step}", self.trainer, batch, Path(job["images"]), *self.normal)
        if step > self.start and (step % job["checkpoint"] == 0 or step == job["steps"]):
            self.save(step, meters)

    def logged(self, iteration: int, meters: dict) -> None:
        """Takes down a line of the log."""
        self.iterations.append(iteration)
        for name, meter in meters.items():
            self.columns.setdefault(name, []).append(meter.median)

    def finish(self, fingerprint: dict) -> None:
        """Writes the columns, the hashes, and what was run."""
        from safetensors.torch import save_file

        columns = {"step_total_loss": torch.tensor(self.losses, dtype=torch.float32),
                   "iteration": torch.tensor(self.iterations, dtype=torch.int64)}
        for name, values in self.columns.items():
            if len(values) != len(self.iterations):
                raise ExportError(f"{name} was not logged each time", "a recording has whole columns alone", FAILED)
            columns[name] = torch.tensor(values, dtype=torch.float64)
        save_file(columns, self.out / gathering.COLUMNS)
        about = {key: self.job[key] for key in ("precision", "program", "steps")}
        about |= {"horizon": self.horizon, "fingerprint": fingerprint, "recorded": gathering.today()}
        for name, content in ((gathering.STATES, self.states), (gathering.RUN, about)):
            (self.out / name).write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def _logger(recording: Recording, base: type) -> type:
    """The program's `MetricLogger`, which shows the recording what it sees."""

    class Recorded(base):
        def _watched(self, loader):
            for step, batch in enumerate(loader):
                if step < recording.start:
                    continue
                if step == recording.start and step:
                    recording.resume(self.meters)
                recording.before(step, batch, self.meters)
                if step == recording.job["steps"]:
                    return
                yield batch

        def log_every(self, iterable, *arguments, **options):
            yield from super().log_every(self._watched(iterable), *arguments, **options)

        def update(self, **values):
            if "total_loss" in values:
                recording.losses.append(values["total_loss"].item())
            super().update(**values)

        def dump_in_output_file(self, iteration, iter_time, data_time):
            super().dump_in_output_file(iteration, iter_time, data_time)
            recording.logged(iteration, self.meters)

    return Recorded


def _hook(train, recording: Recording) -> None:
    """Gives the program the recording's logger, and its checkpoint in place of the program's own."""
    build_optimizer, do_train = train.build_optimizer, train.do_train
    build_loader = train.build_multi_resolution_data_loader_from_cfg

    def optimizer(cfg, groups):
        recording.trainer.optimizer = build_optimizer(cfg, groups)
        return recording.trainer.optimizer

    def watched(cfg, model, resume=False):
        recording.horizon = cfg.optim.epochs * cfg.train.OFFICIAL_EPOCH_LENGTH
        recording.trainer.model, recording.normal = model, (cfg.crops.rgb_mean, cfg.crops.rgb_std)
        return do_train(cfg, model, resume=resume)

    # The loader of a resumed run begins at its first batch, as the uninterrupted run's did, and is wound forward.
    train.build_multi_resolution_data_loader_from_cfg = lambda cfg, model, start_iter: build_loader(cfg, model, 0)
    train.build_optimizer, train.do_train = optimizer, watched
    train.find_latest_checkpoint = lambda _folder: recording.out / CHECKPOINT if recording.start else None
    train.load_checkpoint = lambda *_, **__: recording.start - 1
    train.save_checkpoint = train.keep_last_n_checkpoints = lambda *_, **__: None
    train.do_test = lambda *_, **__: None
    train.MetricLogger = _logger(recording, train.MetricLogger)


def _tables(images: Path, extra: Path) -> str:
    from dinov3.data.datasets import ImageNet

    if not extra.is_dir():
        ImageNet(split=ImageNet.Split.TRAIN, root=str(images), extra=str(extra)).dump_extra()
    return f"ImageNet:split=TRAIN:root={images}:extra={extra}"


def record(job: dict) -> None:
    """Runs the program until `job["steps"]` steps are done. `job`: reference, out, recipe, images, overrides,
    precision, program, steps, every, kept, checkpoint, threads."""
    from . import program, worker

    out, images = Path(job["out"]), Path(job["images"])
    worker.prepare(Path(job["reference"]), "cpu", job["threads"])
    program.install(sum(1 for _ in images.glob("train/*/*.JPEG")))
    if job["program"] == "plain":
        program.install_plain_modules()
    import dinov3.train.train as train

    recording = Recording(job)
    _hook(train, recording)
    dataset = _tables(images, out / "extra")
    lines = out / METRICS
    if lines.is_file():
        kept = [line for line in lines.read_text(encoding="utf-8").splitlines()
                if json.loads(line)["iteration"] < recording.start]
        lines.write_text("".join(f"{line}\n" for line in kept), encoding="utf-8")
    sys.argv = ["train.py", "--config-file", job["recipe"], "--output-dir", str(out),
                f"train.dataset_path={dataset}", *job["overrides"]]
    train.main()
    recording.finish(worker.fingerprint("cpu") | worker.versions())
