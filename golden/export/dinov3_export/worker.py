"""Records one precision of one set in a separate process, so that its patches of torch end with the process."""

import json
import platform
import sys
import time
import traceback
import warnings
from contextlib import nullcontext
from pathlib import Path

import torch

from . import ENVIRONMENT, FAILED, USAGE, ExportError, battery, data, devices, entries, inputs, mkl, training
from .build import add_micro_architectures, build
from .config import TEACHER, as_json, distillation, load
from .hooks import Taps, taps_of, widened_casts
from .jobs import failure_file
from .names import named
from .pins import settings
from .recipe import overrides_of, student_of
from .replicas import Replicas
from .sharding import start_group, start_students
from .spread import Spread
from .weights import Brought


def prepare(reference: Path, device: str, threads: int, tf32: bool = False, imports: list[str] | None = None,
            compiled: bool = False) -> None:
    """Prepares the process: makes the reference importable, turns compilation off unless it is asked for, sets the thread
    count, loads the modules that add the device."""
    sys.dont_write_bytecode = True
    sys.path.insert(0, str(reference))
    devices.load(device, imports or ())
    # With one process, a local draw equals the global draw.
    warnings.filterwarnings("ignore", message="DTensor random operators may not have complete support")
    torch.set_num_threads(threads)
    # MKL's vector functions look for the kind of processor at their first call; of two threads that do so at once, one may
    # take a generic kernel, which has other bits.
    torch.zeros(1).erfinv_()
    torch._dynamo.config.disable = not compiled
    try:
        import dinov3.train.ssl_meta_arch  # noqa: F401
    except ImportError as error:
        raise ExportError(f"the reference cannot be imported with torch {torch.__version__}: {error}",
                          "install what it asks for; torch 2.4 lacks names that it imports, and 2.8 is what the sets have",
                          ENVIRONMENT) from error

    # The reference's training program turns TF32 on as it is imported. A float32 recording is judged by float32's own
    # rounding, so TF32 is off here unless it is asked for; it does not affect the bf16 matrix products of mixed precision.
    torch.backends.cuda.matmul.allow_tf32 = tf32
    torch.backends.cudnn.allow_tf32 = tf32
    # The memory-efficient kernels of attention make a product of float32 from three of TF32.
    torch.backends.cuda.enable_mem_efficient_sdp(tf32)
    add_micro_architectures()


def prepare_for(job: dict) -> None:
    """Prepares the process for a job, and for others that differ from it in set and precision alone."""
    device = devices.of_rank(job["device"], job["rank"], job["recipe"]["world_size"])
    prepare(Path(job["reference"]), device, job["threads"], job["tf32"], job["imports"], job["compiled"])


def fingerprint(device: str) -> dict:
    """The fingerprint, which decides whether a replay may expect the same bits."""
    # MKL asks for the processor's maker at its first product, and a recording may not have computed one yet.
    torch.ones(8, 8).mm(torch.ones(8, 8))
    return {
        "torch": torch.__version__.split("+")[0],
        "architecture": platform.machine(),
        "device": devices.kind(device),
        "cpu_vendor": mkl.vendor_seen(),
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
        **settings(),
        "threads": torch.get_num_threads(),
    }


def versions() -> dict:
    """The packages that the inputs depend on."""
    import numpy
    import PIL
    import torchvision

    return {
        "python": platform.python_version(),
        "numpy": numpy.__version__,
        "torchvision": torchvision.__version__.split("+")[0],
        "pillow": PIL.__version__,
    }


def read_inputs(folder: Path) -> dict[str, torch.Tensor]:
    """The stored inputs of another set."""
    from safetensors.torch import load_file

    return load_file(folder / "inputs.safetensors")


class Session:
    """One recording: the job, the merged config, and the store of its entries."""

    def __init__(self, job: dict, out: Path) -> None:
        self.job = job
        self.recipe = job["recipe"]
        self.store = entries.Store(self.recipe["sample_limit"], self.recipe["activations"])
        # The truth has none: an operation's own error is judged against what the candidate's inputs give in float64.
        self.activations = self.recipe["activations"] and job["precision"] != "truth"
        reference = Path(job["reference"])
        student = student_of(self.recipe, job["rank"])
        self.cfg = load(reference, self.recipe["config_file"], overrides_of(self.recipe, student))
        if self.activations and self.cfg.train.checkpointing:
            raise ExportError("activations cannot be recorded with train.checkpointing, which computes them twice",
                              "give train.checkpointing=false", USAGE)
        self.config = as_json(self.cfg)
        self.students = [
            {"ranks": list(student["ranks"]), "config": as_json(load(reference, self.recipe["config_file"], overrides_of(self.recipe, i)))}
            for i, student in enumerate(self.recipe["students"])
        ]
        self.compiled = bool(job["compiled"] and self.cfg.train.compile) and not (self.recipe["loss_battery"] or self.recipe["data_battery"])
        self.teacher_config = distillation(
            self.cfg, self.recipe["teacher_overrides"], out / f"{job['mode']}.{job['precision']}.{job['rank']}.{TEACHER}"
        )
        self.brought = Brought(Path(job["weights"]), student) if job.get("weights") else None
        self.dtype = {"truth": torch.float64, "fp32": torch.float32, "bf16": torch.bfloat16}[job["precision"]]
        if job["precision"] != "bf16":
            self.cfg.compute_precision.param_dtype = "fp32"
        # Entries that other precisions have and this precision cannot compute.
        self.absent: list[str] = []
        self._started = time.monotonic()
        self._run = ""

    def noted(self, device: str) -> dict:
        """What the manifest's recorder says beside the versions."""
        name = devices.name(device)
        mode = {"mode": "compiled" if self.compiled else "eager"} if self.job["candidate"] else {}
        return mode | ({"device_name": name} if name else {}) | self.job["noted"]

    def say(self, what: str) -> None:
        """Prints one line of progress on the terminal, on the first rank only."""
        if self.job["rank"]:
            return
        passed = time.monotonic() - self._started
        print(f"  {self.recipe['name']} {self.job['precision']}: {self._run}{what} ({passed:.1f} s)", file=sys.stderr, flush=True)

    def wants(self, stage: str) -> bool:
        """Whether the recipe records this stage."""
        return stage in self.recipe["stages"]

    def record_init(self, model) -> None:
        """Every parameter and buffer of the student as initialised; the truth's are the same numbers, widened."""
        if not self.wants("init"):
            return
        for name, tensor in model.student.state_dict().items():
            value = tensor.full_tensor() if hasattr(tensor, "full_tensor") else tensor
            if self.job["precision"] == "truth" and value.dtype == torch.float32:
                value = value.double()
            self.store.add(named("param", f"student.{name}"), "init", value)

    def stored_inputs(self, make) -> dict[str, torch.Tensor]:
        """The inputs that no seed reproduces on another machine: pixels and masks, made here or taken from a recorded
        set."""
        stored = read_inputs(Path(self.job["inputs_from"])) if self.job["inputs_from"] else make()
        return {name: tensor.contiguous() for name, tensor in stored.items()}

    def build_inputs(self, model) -> dict[str, torch.Tensor]:
        """The inputs of a forward."""
        recipe, folder = self.recipe, Path(self.job["photographs"])
        stored = inputs.augment(self.cfg, model, folder, recipe["photographs"], recipe["batch_size"], recipe["seed"])
        if wanted := recipe["intermediate"]:
            first = recipe["photographs"][0]
            stored["intermediate"] = inputs.intermediate(folder, first, wanted["height"], wanted["width"])
        return stored

    def model_inputs(self, stored: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """The tensors that the model receives, recorded as stage `data`."""
        mean, std = self.cfg.crops.rgb_mean, self.cfg.crops.rgb_std
        indices, weights = inputs.mask_figures(stored["masks"])
        fed = {
            "global_crops": inputs.normalise(stored["global_crops"], mean, std).to(self.dtype),
            "local_crops": inputs.normalise(stored["local_crops"], mean, std).to(self.dtype),
            "masks": stored["masks"],
            "mask_indices_list": indices,
            "masks_weight": weights,
        }
        if self.recipe["intermediate"]:
            fed["intermediate"] = inputs.normalise(stored["intermediate"], mean, std).to(self.dtype)
        if self.wants("data"):
            for name, tensor in fed.items():
                self.store.add(named("data", name), "data", tensor)
        return {name: tensor.to(self.job["device"]) for name, tensor in fed.items()}

    def forward(self, model, fed: dict[str, torch.Tensor]) -> Taps:
        """Runs teacher, student and intermediate layers with all taps. Returns the taps, which stay registered."""
        taps = taps_of(model, lambda name, tensor: self.store.add(name, "forward", tensor), self.job)
        taps.attach()
        self._forward_once(model, fed, taps)
        return taps

    def spread(self, model, fed: dict[str, torch.Tensor], taps: Taps, truth: Path, count: int) -> None:
        """Repeats the forward pass `count` times, each time with every weight and pixel moved by one ulp, and records
        the largest distance of each entry from the truth in the folder `truth`."""
        spread = Spread(truth)

        def see(name: str, tensor: torch.Tensor) -> None:
            entries.seen(name, tensor, self.recipe["sample_limit"], spread)

        for moved in Replicas((model.student, model.teacher), self.recipe["seed"], count).runs(fed):
            self._run = f"run {spread.runs + 1} of {count} for the spread, "
            taps.restart(see)
            self._forward_once(model, moved, taps)
            spread.end_run()
        self._run = ""
        self.store.add_spread(spread)

    def draws(self):
        """A context around a forward pass, or a first step, in which the brought draws take the place of drawn ones."""
        return nullcontext() if self.brought is None else self.brought.draws()

    def _forward_once(self, model, fed: dict[str, torch.Tensor], taps: Taps) -> None:
        torch.manual_seed(self.recipe["seed"] + 2)
        # The hooks of the draws are inside, and record what was brought.
        with widened_casts(self.job["precision"] == "truth"), self.draws(), taps.random_draws(self.job["device"]):
            self._teacher_and_student(model, fed)
            if wanted := self.recipe["intermediate"]:
                self._intermediate(model, fed["intermediate"], wanted, taps)

    def _teacher_and_student(self, model, fed: dict[str, torch.Tensor]) -> None:
        global_crops = fed["global_crops"].unflatten(0, (2, -1))
        local_crops = fed["local_crops"].unflatten(0, (-1, global_crops.shape[1]))
        masked = fed["mask_indices_list"]
        model.get_teacher_output(
            global_crops,
            upperbound=masked.numel(),
            mask_indices_list=masked,
            teacher_temp=self.cfg.teacher.warmup_teacher_temp,
            n_masked_patches_tensor=torch.full((1,), masked.numel(), dtype=torch.long, device=masked.device),
        )
        self.say("teacher done")
        model.get_student_output(
            global_crops=global_crops,
            local_crops=local_crops,
            upperbound=masked.numel(),
            masks=fed["masks"],
            mask_indices_list=masked,
        )
        self.say("student done")

    def _intermediate(self, model, image: torch.Tensor, wanted: dict, taps: Taps) -> None:
        with torch.no_grad():
            layers = model.teacher.backbone.get_intermediate_layers(
                image, n=wanted["n"], reshape=True, return_class_token=True, return_extra_tokens=True,
                norm=wanted["norm"],
            )
        path = "teacher.backbone.get_intermediate_layers"
        for index, layer in enumerate(layers):
            for kind, tensor in zip(("patch", "class", "extra"), layer):
                taps.emit(path, tensor, port=f"{index}.{kind}")
        self.say("intermediate layers done")


def _record_forward(session: Session, out: Path) -> None:
    from safetensors.torch import save_file

    job, recipe = session.job, session.recipe
    model = build(session.cfg, job["precision"], job["device"], recipe["seed"], recipe["warm"], session.record_init,
                  via_host=job.get("via_host"), brought=session.brought, shard=session.compiled or None)
    session.say("weights ready")
    if session.wants("data") or session.wants("forward"):
        stored = session.stored_inputs(lambda: session.build_inputs(model))
        save_file(stored, out / f"{job['precision']}.inputs.safetensors")
        fed = session.model_inputs(stored)
        if session.wants("forward"):
            taps = session.forward(model, fed)
            if job["replicas"]:
                session.spread(model, fed, taps, out, job["replicas"])


def record(job: dict, out: Path) -> None:
    """Runs a job; writes `<precision>.safetensors`, `<precision>.inputs.safetensors` and `<precision>.json` to `out`.
    If the job requests replicas, `out` must hold the truth already. With several ranks only the first one writes."""
    from safetensors.torch import save_file

    recipe, precision, rank = job["recipe"], job["precision"], job["rank"]
    job = {**job, "device": devices.of_rank(job["device"], rank, recipe["world_size"])}
    start_group(job["device"], rank, recipe["world_size"], out / f"{job['mode']}.{precision}.meeting", job.get("backend"))
    start_students(recipe["students"])
    try:
        session = Session(job, out)
        if recipe["loss_battery"]:
            battery.record(session, out)
        elif recipe["data_battery"]:
            data.record(session, out)
        elif recipe["training"]:
            training.record(session, out)
        else:
            _record_forward(session, out)
        if rank == 0 and job["mode"] == "record":
            # The battery of data is computed on the host, whatever the device.
            device = "cpu" if recipe["data_battery"] else job["device"]
            result = {"fingerprint": fingerprint(device), "versions": versions() | session.noted(device),
                      "config": session.config, "teacher_config": session.teacher_config, "students": session.students, "entries": session.store.entries,
                      "absent": session.absent, "activations": session.activations}
            save_file(session.store.tensors, out / f"{precision}.safetensors")
            # The last file: whoever sees it finds the others.
            part = out / f"{precision}.json.part"
            part.write_text(json.dumps(result, allow_nan=False), encoding="utf-8")
            part.rename(out / f"{precision}.json")
    finally:
        torch.distributed.destroy_process_group()


def record_all(jobs: list[dict]) -> None:
    """Runs jobs of one rank each, one after the other, each in its own folder. A job that is refused is noted; any other
    failure ends the process, which may no longer be what it was."""
    prepare_for(jobs[0])
    for job in jobs:
        said = None
        try:
            record(job, Path(job["work"]))
        except ExportError as error:
            said = {"message": str(error), "hint": error.hint, "code": error.code}
        except Exception as error:
            traceback.print_exc()
            said = {"message": f"{type(error).__name__}: {error}", "hint": "the traceback is above", "code": FAILED}
            raise
        finally:
            if said is not None:
                part = failure_file(job).with_suffix(".part")
                part.write_text(json.dumps(said), encoding="utf-8")
                part.rename(failure_file(job))
        torch._dynamo.reset()
