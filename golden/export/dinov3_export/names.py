"""Names of recorded tensors: `path[#call][:port]`."""

import re

PREFIXES = ("param", "data", "rng", "groups", "schedule", "sinkhorn", "gram", "loss", "grad", "grad_norm", "exp_avg",
            "exp_avg_sq", "trajectory", "metric", "final")
# `stats_only/masked_gram_loss` is a name of the reference's, `class-ids-VAL.npy` that of a file it writes.
NAME = re.compile(rf"^(?:(?:{'|'.join(PREFIXES)}):)?[a-z_][\w.-]*(?:/[\w.]+)?(?:#[1-9]\d*)?(?::[\w.]+)?$")


class Names:
    """Counts the calls of each (path, port), since a module that runs twice is recorded twice."""

    def __init__(self) -> None:
        self._calls: dict[tuple[str, str | None], int] = {}

    def next(self, path: str, port: str | None = None) -> str:
        """The name of the next tensor at this place; the first has no call number."""
        key = (path, port)
        call = self._calls.get(key, 0)
        self._calls[key] = call + 1
        return path + (f"#{call}" if call else "") + (f":{port}" if port is not None else "")


def ports(output) -> list[tuple[str | None, object]]:
    """The tensors of a module's output with their ports: none for a bare tensor, `0`, `1` for a list,
    `0.key` for a list of dictionaries, `key` for a dictionary. `masks` is an input handed through, and is left out."""
    if output is None or isinstance(output, (int, float, bool, str)):
        return []
    if isinstance(output, dict):
        return [(key, value) for key, value in output.items() if value is not None and key != "masks"]
    if isinstance(output, (list, tuple)):
        found = []
        for index, item in enumerate(output):
            for port, value in ports(item):
                found.append((f"{index}" if port is None else f"{index}.{port}", value))
        return found
    return [(None, output)]
