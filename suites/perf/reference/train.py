#!/usr/bin/env python3
"""The reference's side of the benchmark `train`: its own training program on a CPU, timed over some of its iterations.

`dinov3-perf` starts it; the checkout is used as it is, and nothing of it is copied here. The program runs with its loader,
meters and log. Its modules are plain ones unless `--fsdp` is given: without FSDP2 it is faster, in its favour."""

import argparse
import json
import sys
import tempfile
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
    p.add_argument("--recipe", type=Path, help="the config")
    p.add_argument("--images", type=Path, help="the folder that has `train`")
    p.add_argument("--override", action="append", default=[], help="KEY=VALUE")
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--warm-up", type=int, default=1, help="iterations before the clock runs")
    p.add_argument("--steps", type=int, default=1, help="iterations on the clock")
    p.add_argument("--fsdp", action="store_true", help="with FSDP2")
    return p


class Marks:
    """When the first batch of the iterations on the clock was there, and the one behind the last."""

    def __init__(self, first: int, behind: int) -> None:
        self.first, self.behind, self.at = first, behind, []

    def watched(self, loader):
        """Gives the batches of `loader`, and ends the program behind the last iteration."""
        for step, batch in enumerate(loader):
            if step in (self.first, self.behind):
                self.at.append(time.perf_counter())
            if step == self.behind:
                return
            yield batch


def timed(train, marks: Marks) -> None:
    """Has the program's own logger watch its loader. Checkpoints are not written: the reference's are synchronous."""

    class Timed(train.MetricLogger):
        def log_every(self, iterable, *arguments, **options):
            yield from super().log_every(marks.watched(iterable), *arguments, **options)

    train.MetricLogger = Timed
    train.save_checkpoint = train.keep_last_n_checkpoints = lambda *_, **__: None
    train.do_test = lambda *_, **__: None


def measure(arguments: argparse.Namespace, reference: Path) -> dict:
    """Runs the program, and reads the losses that it has logged."""
    from dinov3_export import program, trajectory, worker

    worker.prepare(reference, "cpu", arguments.threads)
    import torch

    program.install(sum(1 for _ in arguments.images.glob("train/*/*.JPEG")))
    if not arguments.fsdp:
        program.install_plain_modules()
    import dinov3.train.train as train

    marks = Marks(arguments.warm_up, arguments.warm_up + arguments.steps)
    timed(train, marks)
    with tempfile.TemporaryDirectory() as folder:
        dataset = trajectory._tables(arguments.images, Path(folder) / "extra")
        sys.argv = ["train.py", "--config-file", str(arguments.recipe), "--output-dir", folder,
                    f"train.dataset_path={dataset}", *arguments.override]
        train.main()
        lines = (Path(folder) / trajectory.METRICS).read_text(encoding="utf-8").splitlines()
    if len(marks.at) != 2:
        raise ExportError("the program ended before its last iteration", "give fewer --steps", FAILED)
    return {
        "libtorch": torch.__version__.split("+")[0],
        "capability": torch.backends.cpu.get_cpu_capability(),
        "threads": torch.get_num_threads(),
        "steps": arguments.steps,
        "seconds": marks.at[1] - marks.at[0],
        "losses": [json.loads(line)["total_loss"] for line in lines],
    }


if __name__ == "__main__":
    sys.exit(beside.main(parser().parse_args(), measure, ENVIRONMENT))
