"""Watches one step of somebody's own training script, and writes it as a candidate of a golden set of training steps."""

import json
import shutil
import sys
import tempfile
from contextlib import ExitStack, contextmanager
from datetime import datetime, timezone
from pathlib import Path

import torch
import torch.distributed as dist
from torch import nn

from . import FAILED, ExportError, checkout, devices, entries, inputs, writer
from .driver import parameter_groups
from .hooks import host_draws
from .names import named, path_in
from .places import Places, is_compiled, plain
from .recorder import scalar
from .sharding import full, put
from .sources import read_manifest
from .weights import Brought

PRECISIONS = {"fp32": torch.float32, "bf16": torch.bfloat16}
CROPS = ("global_crops", "local_crops", "gram_teacher_crops")


class Watch:
    """One step of a script, from the start of a golden set and on its batch. Iterating yields `(iteration, data)` once, with
    the batch as the reference's loader gives it; the candidate is written as the loop's body has ended. `step` calls a
    function of the same two instead.

    `model` has the networks under the names `student` and `teacher` (or `model_ema`), and perhaps `gram_teacher`; `networks`
    gives them by these names where it has not. `weights` is a file of `golden weights`, for a set that starts from the seed.
    `schedules` are the script's own curves by the reference's names (`lr`, `weight_decay`, `momentum`, `teacher_temp`,
    `last_layer_lr`), a value for each iteration.

    What is recorded: the outputs of modules where the golden set has them, the gradients as `backward()` left them, norms by
    `torch.nn.utils.clip_grad_norm_`, moments and weights after `optimizer.step()`, the teachers at the end, and the losses of
    a method `compute_losses`, or as `losses` is told them. What the script does elsewhere is not observed, and the report
    counts it apart."""

    def __init__(self, model, optimizer, golden, out, precision: str, *, networks: dict[str, nn.Module] | None = None,
                 weights=None, schedules: dict | None = None) -> None:
        self._golden, self._out = Path(golden).expanduser().resolve(), Path(out).expanduser().resolve()
        self._manifest, self._precision = read_manifest(self._golden), precision
        self._training = self._manifest["recipe"].get("training")
        self._check(precision, weights)
        self._model, self._optimizer = model, optimizer
        self._networks = self._found(networks)
        self._places = Places(self._networks, self._manifest, precision)
        self._store = entries.Store(self._manifest["sample_limit"] or 0, bool(self._training.get("activations")))
        self._gradients: dict[str, torch.Tensor] = {}
        self._norms: dict[str, torch.Tensor] = {}
        self._stepped = False
        self.iteration: int = self._training["iteration"]
        self.data = self._batch()
        self._start(Path(weights).expanduser() if weights else None)
        self._tables(schedules or {})

    def _tables(self, schedules: dict) -> None:
        """What there is before any step: the parameter groups, if the model tells them as the reference's does, and the
        script's schedules."""
        if callable(getattr(self._model, "get_params_groups", None)) and hasattr(self._model, "cfg"):
            groups = parameter_groups(self._model)
            for key, dtype in (("lr_multiplier", torch.float64), ("wd_multiplier", torch.float64), ("is_last_layer", torch.bool)):
                self._store.add(named("groups", key), "optimizer", torch.tensor([group[key] for group in groups], dtype=dtype))
        config = self._manifest["recipe"]["config"]
        length = config["optim"]["epochs"] * config["train"]["OFFICIAL_EPOCH_LENGTH"]
        for name, curve in schedules.items():
            values = [float(curve[i]) for i in range(length)]
            self._store.add(named("schedule", name), "schedule", torch.tensor(values, dtype=torch.float64))

    def _check(self, precision: str, weights) -> None:
        name, file = self._manifest["name"], self._golden / writer.STATE
        if self._training is None:
            raise ExportError(f"{name} is no set of training steps", "give one of train_micro_1, train_micro_10, train_gram, …")
        if precision not in PRECISIONS or precision not in self._manifest["precisions"]:
            raise ExportError(f"{name} is not recorded at {precision}", f"it has {', '.join(self._manifest['precisions'])}")
        if not file.is_file() and weights is None:
            raise ExportError(f"{name} starts from the seed", f"`golden weights {name} --out FILE` writes what it starts from; give "
                              "weights=FILE")
        ranks = dist.get_world_size() if dist.is_initialized() else 1
        if ranks != (wanted := self._manifest["recipe"]["world_size"]):
            raise ExportError(f"{name} has a step of {wanted} ranks, and {ranks} run", "start as many, or take another set")
        self._rank = dist.get_rank() if dist.is_initialized() else 0

    def _found(self, given: dict[str, nn.Module] | None) -> dict[str, nn.Module]:
        average = getattr(self._model, "model_ema", None)
        found = {"student": getattr(self._model, "student", None),
                 "teacher": average if average is not None else getattr(self._model, "teacher", None),
                 "gram_teacher": getattr(self._model, "gram_teacher", None), **(given or {})}
        for name in ("student", "teacher"):
            if not isinstance(found[name], nn.Module):
                raise ExportError(f"the model has no network `{name}`", "give it: networks={\"student\": …, \"teacher\": …}")
        return {name: network for name, network in found.items() if isinstance(network, nn.Module)}

    def _batch(self) -> dict:
        """The batch of the step on the host, as the reference's loader collates it."""
        from safetensors.torch import load_file

        recipe, stored = self._manifest["recipe"], load_file(self._golden / writer.INPUTS)
        number = (self.iteration * recipe["world_size"] + self._rank) % self._training["batches"]
        crops, found = recipe["config"]["crops"], {}
        for name in CROPS:
            if (tensor := stored.get(f"{number}.{name}")) is not None:
                pixels = tensor.dtype == torch.uint8
                tensor = inputs.normalise(tensor, crops["rgb_mean"], crops["rgb_std"]) if pixels else tensor
                found[f"collated_{name}"] = tensor.to(PRECISIONS[self._precision])
        masks = stored[f"{number}.masks"]
        indices, weights = inputs.mask_figures(masks)
        return found | {
            "collated_masks": masks, "mask_indices_list": indices, "masks_weight": weights, "upperbound": indices.numel(),
            "n_masked_patches": torch.full((1,), indices.numel(), dtype=torch.long),
            "global_batch_size": recipe["batch_size"] * recipe["world_size"],
        }

    def _start(self, weights: Path | None) -> None:
        """Overwrites weights, moments and the host's random stream with those that the set starts from."""
        from safetensors.torch import load_file

        self._draws = None
        if weights is not None:
            brought = Brought(weights)
            own = {"student": "student", "teacher": "model_ema", "gram_teacher": "gram_teacher"}
            brought.fill({own[root]: network for root, network in self._networks.items()})
            self._draws = brought.draws
        if (file := self._golden / writer.STATE).is_file():
            self._restore(load_file(file))
        else:
            torch.manual_seed(self._manifest["recipe"]["seed"] + 2)

    def _restore(self, state: dict[str, torch.Tensor]) -> None:
        for root in ("student", "teacher"):
            for name, parameter in self._networks[root].named_parameters():
                if (value := state.get(f"param.{root}.{plain(name)}")) is None or value.shape != parameter.shape:
                    raise ExportError(f"{root}.{plain(name)} {list(parameter.shape)} is not in the state of {self._manifest['name']}",
                                      "build the model from the set's recipe: `golden show SET` prints it")
                put(parameter, value)
        fused = {id(p) for group in self._optimizer.param_groups if group.get("fused") for p in group["params"]}
        for name, parameter in self._networks["student"].named_parameters():
            slots = {}
            for kind in ("exp_avg", "exp_avg_sq"):
                slots[kind] = torch.zeros_like(parameter, memory_format=torch.preserve_format).requires_grad_(False)
                put(slots[kind], state[f"{kind}.student.{plain(name)}"])
            place = parameter.device if id(parameter) in fused else "cpu"
            self._optimizer.state[parameter] = {"step": torch.tensor(float(self._training["updates"]), device=place), **slots}
        torch.set_rng_state(state["rng"])

    def losses(self, total: torch.Tensor, values: dict) -> None:
        """Tells the losses of the step by the reference's names, where the model has no `compute_losses`."""
        for name, value in values.items():
            self._store.add(named("loss", name), "loss", scalar(value))
        self._store.add(named("loss", "total_loss"), "loss", total)

    def __iter__(self):
        with self._watching():
            yield self.iteration, self.data
        self._finish()

    def step(self, function) -> None:
        """Calls `function(iteration, data)`, which takes the script's own step, and writes the candidate."""
        for iteration, data in self:
            function(iteration, data)

    @contextmanager
    def _watching(self):
        device = next(self._networks["student"].parameters()).device
        with ExitStack() as stack:
            stack.enter_context(host_draws(str(device)))
            if self._draws is not None:
                stack.enter_context(self._draws())
            activations = self._places.watching(self._store.add, str(device)) if self._training.get("activations") else None
            if activations is not None:
                stack.enter_context(activations)
            stack.enter_context(self._following_losses())
            stack.enter_context(_replaced(torch.Tensor, "backward", self._after_backward))
            for owner in (nn.utils, nn.utils.clip_grad):
                stack.enter_context(_replaced(owner, "clip_grad_norm_", self._after_clipping))
            stack.callback(self._optimizer.register_step_post_hook(lambda *_: self._after_step()).remove)
            yield

    @contextmanager
    def _following_losses(self):
        compute = getattr(self._model, "compute_losses", None)
        if compute is None:
            yield
            return

        def watched(*given, **arguments):
            total, losses = compute(*given, **arguments)
            teacher = arguments.get("teacher_global") or {}
            for name, key in (("dino", "cls_centered"), ("ibot", "masked_patch_centered")):
                if key in teacher:
                    self._store.add(named("sinkhorn", name), "loss", teacher[key])
            for name in ("student_patches", "teacher_patches"):
                if name in (arguments.get("gram_global") or {}):
                    self._store.add(named("gram", name), "loss", arguments["gram_global"][name])
            self.losses(total, losses)
            return total, losses

        self._model.compute_losses = watched
        try:
            yield
        finally:
            del self._model.compute_losses

    def _after_backward(self, call, *given, **options):
        result = call(*given, **options)
        parameters = self._networks["student"].named_parameters()
        self._gradients = {plain(name): full(p.grad).clone() for name, p in parameters if p.grad is not None}
        return result

    def _after_clipping(self, call, parameters, *given, **options):
        parameters = list(parameters) if not isinstance(parameters, torch.Tensor) else [parameters]
        norm, of = call(parameters, *given, **options), {id(p) for p in parameters}
        for name, module in self._networks["student"].named_children():
            if of and of == {id(p) for p in module.parameters()}:
                self._norms[name] = full(norm)
        return norm

    def _after_step(self) -> None:
        if self._stepped:
            raise ExportError("the optimizer stepped twice", "take one step within the loop", FAILED)
        self._stepped = True
        for name, gradient in self._places.gradients():
            self._store.add(name, "backward", gradient)
        # Sharded parameters do not reveal the backward order; the golden set has it.
        order = [path for e in self._manifest["entries"] if (path := path_in("grad", e["name"])) is not None]
        known = [path.removeprefix("student.") for path in order]
        for name in [*(n for n in known if n in self._gradients), *(n for n in self._gradients if n not in known)]:
            self._store.add(named("grad", f"student.{name}"), "backward", self._gradients[name])
        for name, norm in self._norms.items():
            self._store.add(named("grad_norm", name), "optimizer", norm)
        for name, parameter in self._networks["student"].named_parameters():
            held = self._optimizer.state.get(parameter, {})
            for kind in ("exp_avg", "exp_avg_sq"):
                if kind in held:
                    self._store.add(named(kind, f"student.{plain(name)}"), "optimizer", full(held[kind]))
            self._store.add(named("param", f"student.{plain(name)}"), "optimizer", full(parameter))

    def _finish(self) -> None:
        if not self._stepped:
            raise ExportError("the optimizer took no step", "the body of the loop calls optimizer.step() once", FAILED)
        for name, parameter in self._networks["teacher"].named_parameters():
            self._store.add(named("param", f"teacher.{plain(name)}"), "ema", full(parameter))
        recorded = {path for e in self._manifest["entries"] if e["stage"] == "ema" and (path := path_in("param", e["name"]))}
        if any(path.startswith("gram_teacher.") for path in recorded):
            for name, parameter in self._networks["gram_teacher"].named_parameters():
                self._store.add(named("param", f"gram_teacher.{plain(name)}"), "ema", full(parameter))
        if self._rank == 0:
            self._write()

    def _write(self) -> None:
        """Writes the candidate, beside the precisions that are there already."""
        from safetensors.torch import save_file

        from .worker import fingerprint, versions

        self._out.mkdir(parents=True, exist_ok=True)
        target, work = self._out / self._manifest["name"], Path(tempfile.mkdtemp(prefix=".watched.", dir=self._out))
        try:
            device = str(next(self._networks["student"].parameters()).device)
            compiled = any(is_compiled(module) for network in self._networks.values() for module in network.modules())
            told = {"mode": "compiled" if compiled else "eager", "watched": True}
            told |= {"device_name": name} if (name := devices.name(device)) else {}
            result = {"fingerprint": fingerprint(device), "versions": versions() | told, "config": self._manifest["recipe"]["config"],
                      "teacher_config": self._training["teacher_config"], "entries": self._store.entries,
                      "activations": bool(self._training.get("activations"))}
            (work / f"{self._precision}.json").write_text(json.dumps(result, allow_nan=False), encoding="utf-8")
            save_file(self._store.tensors, work / f"{self._precision}.safetensors")
            kept = []
            if target.is_dir():
                kept = [p for p in read_manifest(target)["precisions"] if p != self._precision]
                writer.keep(target, work, kept)
            folder = self._folder(work, [p for p in ("truth", *PRECISIONS) if p == self._precision or p in kept])
            writer.install(folder, target)
            print(f"{target.name}: one step at {self._precision} written to {target}", file=sys.stderr)
        finally:
            shutil.rmtree(work, ignore_errors=True)

    def _folder(self, work: Path, precisions: list[str]) -> Path:
        folder, golden = work / "set", self._manifest
        folder.mkdir()
        for file in (writer.INPUTS, writer.STATE):
            if (self._golden / file).is_file():
                shutil.copyfile(self._golden / file, folder / file)
        results = writer.load_results(work, precisions)
        for precision in precisions:
            shutil.copyfile(work / f"{precision}.safetensors", folder / f"{precision}.safetensors")
        now = datetime.now(timezone.utc).isoformat(timespec="seconds").replace("+00:00", "Z")
        content = {key: golden[key] for key in ("schema_version", "name", "description", "profile", "reference")}
        content |= {"checkout": code.manifest()} if (code := _code()) is not None else {}
        content |= {
            "recorder": {"exporter": golden["recorder"]["exporter"], **results[self._precision]["versions"], "recorded": now},
            "recipe": golden["recipe"], "sample_limit": golden["sample_limit"],
            "precisions": {p: {"file": f"{p}.safetensors", "fingerprint": r["fingerprint"]} for p, r in results.items()},
            "entries": writer.merge_entries(results),
        }
        writer.write_manifest(folder, content)
        writer.write_sums(folder)
        return folder


@contextmanager
def _replaced(owner, name: str, watcher):
    """A context in which a call of `owner.name` goes through `watcher(call, …)`."""
    call = getattr(owner, name)
    setattr(owner, name, lambda *given, **options: watcher(call, *given, **options))
    try:
        yield
    finally:
        setattr(owner, name, call)


def _code() -> checkout.Checkout | None:
    """The checkout that the script has imported the reference from; None where it has not, or where its difference cannot be
    told."""
    package = getattr(sys.modules.get("dinov3"), "__path__", None)
    try:
        return checkout.inspect(Path(list(package)[0]).parent) if package else None
    except ExportError:
        return None
