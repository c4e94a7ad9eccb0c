#!/usr/bin/env python3
"""The reference's side of the benchmark: times training steps of the code in a checkout, and prints one line of JSON.

`dinov3-perf` starts it; the checkout is used as it is, and nothing of it is copied here. The modules are plain ones, without
FSDP and without compilation: the fastest that the reference has on a CPU. The step is that of the exporter, whose golden
sets the trainer reproduces; the reference's program keeps meters besides, which are left out in its favour.
"""

import argparse
import gc
import json
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "golden" / "export"))
sys.dont_write_bytecode = True

from dinov3_export import FAILED, ExportError, beside, pins  # noqa: E402

# Nothing is compiled, so no processes that would are to wait for it beside the clock.
ENVIRONMENT = {**pins.PLAIN_COSINES, "TORCHINDUCTOR_COMPILE_THREADS": "1"}


def parser() -> argparse.ArgumentParser:
    """All options; the benchmark gives them."""
    p = beside.parser(__doc__)
    p.add_argument("--manifest", type=Path, help="of the golden set whose recipe is trained")
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--images", type=int, default=2, help="of a batch")
    p.add_argument("--batches", type=int, default=1, help="distinct ones, taken in turn")
    p.add_argument("--iteration", type=int, default=0, help="of the first step")
    p.add_argument("--warm-up", type=int, default=1, help="steps before the clock runs")
    p.add_argument("--steps", type=int, default=1, help="steps on the clock")
    return p


def differing_keys(here: dict, there: dict, path: str = "") -> list[str]:
    """The keys at which two configs differ, dotted."""
    found = []
    for key in sorted({*here, *there}):
        mine, theirs = here.get(key), there.get(key)
        if isinstance(mine, dict) and isinstance(theirs, dict):
            found += differing_keys(mine, theirs, f"{path}{key}.")
        elif key not in here or key not in there or mine != theirs:
            found.append(f"{path}{key}")
    return found


def merged_config(reference: Path, recipe: dict):
    """The reference's own merge of its YAML and the recipe's overrides, which must be the config that we train."""
    from dinov3_export.config import as_json, load

    cfg = load(reference, recipe["config_file"], recipe["overrides"])
    if differing := differing_keys(as_json(cfg), recipe["config"]):
        raise ExportError(f"the reference merges another config than the golden set's: {', '.join(differing)}",
                          "the two sides would train different recipes; record the set again", FAILED)
    cfg.compute_precision.param_dtype = "fp32"
    return cfg


def draw(cfg, seed: int, images: int, count: int) -> list[dict]:
    """Batches of noise, drawn in the same order as on the other side, with what the reference's collation adds."""
    import torch
    from dinov3_export.inputs import mask_figures

    crops, patch = cfg.crops, cfg.student.patch_size
    large, small = crops.global_crops_size, crops.local_crops_size
    torch.manual_seed(seed + 100)
    batches = []
    for _ in range(count):
        global_crops = torch.randn(2 * images, 3, large, large)
        local_crops = torch.randn(crops.local_crops_number * images, 3, small, small)
        with_masks = torch.rand(2 * images, 1) < 0.5
        masks = with_masks & (torch.rand(2 * images, (large // patch) ** 2) < 0.3)
        indices, weights = mask_figures(masks)
        batches.append({
            "collated_global_crops": global_crops, "collated_local_crops": local_crops, "collated_masks": masks,
            "mask_indices_list": indices, "masks_weight": weights, "upperbound": indices.numel(),
            "n_masked_patches": torch.full((1,), indices.numel(), dtype=torch.long), "global_batch_size": images,
        })
    return batches


def peak_bytes() -> int:
    """The most memory that this process has had resident so far."""
    with open("/proc/self/status", encoding="ascii") as lines:
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))


def measure(arguments: argparse.Namespace, reference: Path) -> dict:
    """Builds, warms up, and takes the steps on the clock."""
    from dinov3_export import worker

    worker.prepare(reference, "cpu", arguments.threads)
    import torch
    from dinov3_export.build import build
    from dinov3_export.driver import Observer, Trainer, on_device
    from dinov3_export.sharding import start_group

    start_group("cpu")
    recipe = json.loads(arguments.manifest.read_text(encoding="utf-8"))["recipe"]
    cfg = merged_config(reference, recipe)
    libraries = peak_bytes()
    model = build(cfg, "fp32", "cpu", recipe["seed"], recipe["warm"])
    batches = draw(cfg, recipe["seed"], arguments.images, arguments.batches)
    trainer, observer = Trainer(cfg, model), Observer()
    torch.manual_seed(recipe["seed"] + 2)

    def step(number: int) -> float:
        loss, _ = trainer.step(arguments.iteration + number, batches[number % len(batches)], observer)
        return loss.item()

    first, end = arguments.warm_up, arguments.warm_up + arguments.steps
    # As the reference's training program does: it collects every 150 steps, and never in between.
    gc.disable()
    with on_device("cpu"):
        losses = [step(number) for number in range(first)]
        gc.collect()
        start = time.perf_counter()
        losses += [step(number) for number in range(first, end)]
        seconds = time.perf_counter() - start
    result = {
        "libtorch": torch.__version__.split("+")[0],
        "capability": torch.backends.cpu.get_cpu_capability(),
        "threads": torch.get_num_threads(),
        "first_loss": losses[0],
        "last_loss": losses[-1],
        "steps": arguments.steps,
        "seconds": seconds,
        "peak_bytes": peak_bytes(),
        "libraries_bytes": libraries,
    }
    torch.distributed.destroy_process_group()
    return result


if __name__ == "__main__":
    sys.exit(beside.main(parser().parse_args(), measure, ENVIRONMENT))
