"""Makes a dump of msprobe over the reference on the CPU, of the forward pass of a golden set, and cuts it to a part of the
modules. `python msprobe_dump.py REFERENCE SET OUT TASK [--bf16] [--tanh BLOCK] [--keep PART]…`

TASK is `tensor`, `statistics` or `md5`. `--tanh` puts GELU's approximation into a block of the teacher. It needs
`mindstudio-probe` 8.3.0."""

import argparse
import json
import os
import shutil
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from dinov3_export import candidates, cli, pins  # noqa: E402
from dinov3_export.recipe import load_sets  # noqa: E402

for _name, _value in pins.worker_environment(True).items():
    os.environ[_name] = _value


def arguments() -> argparse.Namespace:
    p = argparse.ArgumentParser()
    p.add_argument("reference", type=Path)
    p.add_argument("set", type=Path)
    p.add_argument("out", type=Path)
    p.add_argument("task", choices=("tensor", "statistics", "md5"))
    p.add_argument("--bf16", action="store_true")
    p.add_argument("--tanh", type=int, metavar="BLOCK")
    p.add_argument("--keep", action="append", default=[], help="keep only entries with this part in their names (repeatable)")
    p.add_argument("--data", action="append", default=[], help="keep only files with this part in their names (repeatable)")
    return p.parse_args()


def dump(given: argparse.Namespace, folder: Path) -> Path:
    """Runs the forward pass under msprobe; returns the folder of its one step and rank."""
    from dinov3_export import worker
    from dinov3_export.build import build
    from dinov3_export.hooks import Taps
    from dinov3_export.sharding import start_group
    from msprobe.pytorch import PrecisionDebugger

    recipe = candidates.recipe_of(given.set, load_sets(cli.SETS_FILE))
    precision = "bf16" if given.bf16 else "fp32"
    job = {"task": "dump", "reference": str(given.reference.resolve()), "recipe": asdict(recipe), "device": "cpu", "imports": [],
           "threads": 2, "inputs_from": str(given.set.resolve()), "mode": "record", "rank": 0, "weights": None, "tf32": False,
           "compiled": False, "candidate": True, "noted": {}, "precision": precision, "replicas": 0, "all_steps": False,
           "photographs": ""}
    worker.prepare_for(job)
    start_group("cpu")
    session = worker.Session(job, folder)
    model = build(session.cfg, precision, "cpu", recipe.seed, recipe.warm)
    if given.tanh is not None:
        model.teacher.backbone.blocks[given.tanh].mlp.act.approximate = "tanh"
    fed = session.model_inputs(session.stored_inputs(dict))
    config = {"task": "statistics" if given.task == "md5" else given.task, "dump_path": str(folder / "dump"), "rank": [], "step": [],
              "level": "L0", "async_dump": False,
              given.task if given.task != "md5" else "statistics": {"scope": [], "list": [], "data_mode": ["all"],
                                                                   "summary_mode": "md5" if given.task == "md5" else "statistics"}}
    if given.task == "tensor":
        config["tensor"].pop("summary_mode")
    (folder / "config.json").write_text(json.dumps(config))
    debugger = PrecisionDebugger(config_path=str(folder / "config.json"))
    debugger.start(model=model)
    session._forward_once(model, fed, Taps(model, lambda *_: None))
    debugger.stop()
    debugger.step()
    return next((folder / "dump").glob("step0/*"))


def cut(source: Path, target: Path, keep: list[str], data: list[str]) -> None:
    """Copies a part of a dump. The folder of its data is named without this machine's path."""
    target.mkdir(parents=True)
    for name in ("dump.json", "construct.json", "stack.json"):
        found = json.loads((source / name).read_text())
        if name == "dump.json":
            found["dump_data_dir"] = "dump_tensor_data" if found.get("dump_data_dir") else None
            found["data"] = {key: entry for key, entry in found["data"].items() if not keep or any(part in key for part in keep)}
        elif name == "construct.json":
            found = {key: value for key, value in found.items() if not keep or any(part in key for part in keep)}
        else:
            continue
        (target / name).write_text(json.dumps(found, indent=1))
    if (source / "dump_tensor_data").is_dir():
        (target / "dump_tensor_data").mkdir()
        for file in (source / "dump_tensor_data").iterdir():
            if (not keep or any(part in file.name for part in keep)) and (not data or any(part in file.name for part in data)):
                shutil.copyfile(file, target / "dump_tensor_data" / file.name)


if __name__ == "__main__":
    wanted = arguments()
    with tempfile.TemporaryDirectory() as work:
        cut(dump(wanted, Path(work)), wanted.out, wanted.keep, wanted.data)
