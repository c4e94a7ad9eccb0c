"""Draws from torch's, Python's and NumPy's generators, seeded by the reference, and the indices of its samplers."""

import itertools
import random
import warnings
from collections.abc import Callable, Iterator

import numpy as np
import torch

# Number of draws of each stream, and of indices of each sampler.
DRAWS = 10000
WORKERS = 4


def float_bits(values) -> np.ndarray:
    """float32 numbers as their bit patterns, unsigned, in int64: numbers that are drawn are compared bit for bit."""
    return np.asarray(values, dtype=np.float32).view(np.uint32).astype(np.int64)


def double_bits(values) -> np.ndarray:
    """float64 numbers as their bit patterns in int64; negative where the sign bit is set."""
    return np.asarray(values, dtype=np.float64).view(np.int64)


def integers(values) -> torch.Tensor:
    """I64 [n] of integers."""
    return torch.from_numpy(np.asarray(values, dtype=np.int64).copy())


def _shuffled(times: int) -> np.ndarray:
    numbers, states = list(range(100)), []
    for _ in range(times):
        random.shuffle(numbers)
        states.extend(numbers)
    return np.array(states)


def _cases() -> dict[str, Callable[[], np.ndarray]]:
    """Every stream of one process: name -> draws, in order."""

    def each(draw):
        return [draw(i) for i in range(DRAWS)]

    def joined(count, draw):
        return np.concatenate([np.asarray(draw(i)) for i in range(count)])

    places = np.arange(196)
    return {
        "torch.rand": lambda: float_bits(each(lambda i: torch.rand(1).item())),
        "torch.uniform": lambda: float_bits(each(lambda i: torch.empty(1).uniform_(0.05, 0.32).item())),
        "torch.randint": lambda: np.array(each(lambda i: torch.randint(0, 1 + 37 * i, (1,)).item())),
        "torch.randperm": lambda: joined(DRAWS // 4, lambda i: torch.randperm(4)),
        "python.random": lambda: double_bits(each(lambda i: random.random())),
        "python.uniform": lambda: double_bits(each(lambda i: random.uniform(-1.2, 1.2))),
        "python.randint": lambda: np.array(each(lambda i: random.randint(0, i))),
        "python.shuffle": lambda: _shuffled(DRAWS // 100),
        "numpy.randint": lambda: joined(DRAWS // 2, lambda i: np.random.randint(0, 1 + i % 197, 2)),
        "numpy.choice": lambda: joined(DRAWS // 100, lambda i: np.random.choice(places, size=100, replace=False)),
    }


class FirstDraws(torch.utils.data.Dataset):
    """Its items are the first integers below 2^31 that a loader's worker draws from torch, Python and NumPy."""

    def __len__(self) -> int:
        return WORKERS

    def __getitem__(self, _index: int) -> list[int]:
        top = 2**31
        return [torch.randint(0, top, (1,)).item(), random.randint(0, top - 1), int(np.random.randint(0, top))]


def _of_workers() -> tuple[torch.Tensor, torch.Tensor]:
    """I64 [workers, 3] of each worker's first draws, and I64 [1] the seed that the loader drew for them."""
    with warnings.catch_warnings():
        # More workers than cores, for one item each.
        warnings.filterwarnings("ignore", message="This DataLoader will create")
        loader = torch.utils.data.DataLoader(FirstDraws(), batch_size=1, num_workers=WORKERS, collate_fn=lambda items: items[0])
        iterator = iter(loader)
    # With one item per batch, worker w makes only item w.
    return integers(list(iterator)), integers([iterator._base_seed])


def streams(seed: int) -> Iterator[tuple[str, torch.Tensor]]:
    """Yields (name, I64 tensor) of every stream, each drawn right after the reference has seeded them all."""
    from dinov3.utils import fix_random_seeds

    for name, draws in _cases().items():
        fix_random_seeds(seed + 1234)
        yield f"rng.{name}", integers(draws())
    fix_random_seeds(seed + 1234)
    workers, base = _of_workers()
    yield "rng.worker", workers
    yield "rng.base_seed", base


class Numbered:
    """A loader that yields its number forever."""

    batch_size = 1

    def __init__(self, number: int) -> None:
        self._number = number

    def __iter__(self) -> Iterator[int]:
        return itertools.repeat(self._number)


def samplers() -> Iterator[tuple[str, torch.Tensor]]:
    """Yields (name, I64 [10000]) of the reference's samplers, and of the order in which its combined loader takes from three.
    Their seeds are their own."""
    from dinov3.data.meta_loaders import CombinedDataLoader
    from dinov3.data.samplers import EpochSampler, InfiniteSampler, ShardedInfiniteSampler

    sharded = {"sample_count": 5003, "shuffle": True, "seed": 5, "start": 2, "step": 4, "advance": 6000}
    epoch = EpochSampler(size=DRAWS, sample_count=1281, shuffle=True, seed=0, start=0, step=1)
    epoch.set_epoch(2)
    of_rank = EpochSampler(size=4 * DRAWS, sample_count=1281167, shuffle=True, seed=7, start=3, step=4)
    of_rank.set_epoch(5)
    made = {
        "infinite": InfiniteSampler(sample_count=5000, shuffle=True, seed=3, start=0, step=1),
        "infinite_rank": InfiniteSampler(sample_count=5000, shuffle=True, seed=3, start=1, step=3, advance=777),
        "infinite_plain": InfiniteSampler(sample_count=700, shuffle=False, start=1, step=2, advance=5),
        "sharded": ShardedInfiniteSampler(**sharded),
        "sharded_new": ShardedInfiniteSampler(**sharded, use_new_shuffle_tensor_slice=True),
        "epoch": epoch,
        "epoch_rank": of_rank,
        "combined": CombinedDataLoader(
            zip(map(Numbered, range(3)), (0.5, 0.3, 0.2)), batch_size=1,
            combining_mode=CombinedDataLoader.GLOBAL_HOMOGENEOUS, seed=65537,
        ),
    }
    for name, sampler in made.items():
        with warnings.catch_warnings():
            # 5003 samples on 4 ranks leave 3 over, which is meant.
            warnings.filterwarnings("ignore", message="# of dropped samples")
            yield f"sampler.{name}", integers(list(itertools.islice(sampler, DRAWS)))
