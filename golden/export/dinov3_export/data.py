"""The set `data`: the reference's random streams, parameters, masks, samplers, pixels, crops and tables by themselves,
and batches of its loader."""

from pathlib import Path

import torch

from . import FAILED, ExportError, data_draws, data_loaders, data_pixels, data_streams, data_tables
from .config import load
from .names import named


def made_inputs(photographs: Path, names: list[str]) -> dict[str, torch.Tensor]:
    """The inputs of a replay: encoded images as `file.<name>` U8 [bytes], trees and their labels as `tables.<…>` and
    `loader.<…>` U8 [bytes], and the operands of the cases `pixels` as `pixels.<…>`."""
    return {
        **data_pixels.files(photographs, names),
        **data_tables.inputs(),
        **data_pixels.operands(),
        **data_loaders.inputs(),
    }


def _check(stored: dict[str, torch.Tensor], names: list[str]) -> None:
    """Refuses the inputs of a set of another kind."""
    made = {**data_tables.inputs(), **data_pixels.operands(), **data_loaders.inputs()}
    wanted = [*(f"file.{name}" for name in names), *made]
    if missing := [name for name in wanted if name not in stored]:
        raise ExportError(f"the inputs have no {missing[0]}", "--inputs-from takes a recording of the same set", FAILED)


def record(session, out: Path) -> None:
    """Fills the session's store, every case in its order, all of stage `data`."""
    from safetensors.torch import save_file

    recipe, job = session.recipe, session.job
    names = list(recipe["photographs"])
    stored = session.stored_inputs(lambda: made_inputs(Path(job["photographs"]), names))
    _check(stored, names)
    save_file(stored, out / f"{job['precision']}.inputs.safetensors")

    def config(overrides):
        return load(Path(job["reference"]), recipe["config_file"], [*recipe["overrides"], *overrides])

    seed = recipe["seed"]
    for what, cases in (
        ("random streams", data_streams.streams(seed)),
        ("parameters", data_draws.parameters(seed, config)),
        ("masks", data_draws.masks(seed, config)),
        ("samplers", data_streams.samplers()),
        ("pixels", data_pixels.pixels(stored, session.cfg)),
        ("crops", data_pixels.crops(seed, stored, names, config)),
        ("tables", data_tables.tables(stored, out)),
        ("loaders", data_loaders.batches(seed, stored, names, config, out)),
    ):
        for name, tensor in cases:
            session.store.add(named("data", name), "data", tensor)
        session.say(f"{what} done")
