"""Devices of torch: those that it knows itself, and those that a package of its own adds."""

import importlib
from collections.abc import Iterable

import torch
import torch.distributed as dist

from . import ENVIRONMENT, USAGE, ExportError, pins

# The backend of each kind of device, beside those that torch's own table and registered backends have.
BACKENDS = {"cpu": "gloo", "cuda": "nccl", "npu": "hccl"}

kind = pins.device_kind


def of_rank(device: str, rank: int, world_size: int) -> str:
    """The device of one of several ranks: each takes one of its own, from the named one on."""
    place, _, index = device.partition(":")
    return device if world_size == 1 or place == "cpu" else f"{place}:{int(index or 0) + rank}"


def load(device: str, named: Iterable[str]) -> None:
    """Imports the modules that add the device, and checks that the device can hold a number."""
    for module in pins.imports(device, list(named)):
        try:
            importlib.import_module(module)
        except ImportError as error:
            raise ExportError(f"the module {module} cannot be imported: {error}",
                              "install the version of it that belongs to your PyTorch and your driver", ENVIRONMENT) from error
    try:
        torch.device(device)
    except RuntimeError as error:
        raise ExportError(f"torch knows no device `{device}`: {_first_line(error)}",
                          "name it as torch does (cuda:1, npu, xpu); a device that a package adds wants --import MODULE", USAGE) from error
    try:
        torch.ones(1, device=device).cpu()
    except Exception as error:
        raise ExportError(f"the device {device} cannot be used: {_first_line(error)}",
                          "see whether its driver and its build of PyTorch are there; a device that a package adds wants --import MODULE",
                          ENVIRONMENT) from error
    _make_current(device)


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def _module(device: str):
    """torch.cuda for `cuda:1`, and so on; None for a device without such a module."""
    return getattr(torch, kind(device), None)


def _make_current(device: str) -> None:
    # What the reference puts on "the" device goes to the current one.
    place = torch.device(device)
    if place.index is not None and hasattr(_module(device), "set_device"):
        _module(device).set_device(place.index)


def name(device: str) -> str | None:
    """What the device calls itself (`NVIDIA H100 80GB HBM3`); None where it does not tell."""
    ask = getattr(_module(device), "get_device_name", None) if kind(device) != "cpu" else None
    try:
        return str(ask(torch.device(device))) if ask else None
    except Exception:
        return None


def backend(device: str, named: str | None = None) -> str:
    """What a process group of this device is started with: Gloo for the host, and the device's own backend."""
    place = kind(device)
    if place == "cpu":
        return BACKENDS["cpu"]
    own = named or BACKENDS.get(place) or getattr(dist.Backend, "default_device_backend_map", {}).get(place)
    if own is None:
        raise ExportError(f"torch.distributed has no backend for the device {place}",
                          "name it with --backend, and the package that registers it with --import", ENVIRONMENT)
    return f"cpu:gloo,{place}:{own}"
