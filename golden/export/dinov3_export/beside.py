"""The reference's side of a benchmark: the code shared by the programs in `suites/perf/reference/`. The crate
`dinov3-perf` starts the programs.

The module imports torch only after it has set the environment, and it checks Python's version before any code that an
old Python cannot parse."""

import sys

if sys.version_info < (3, 11):
    print("error: Python 3.11 or newer is needed\nhint: name one with --python", file=sys.stderr)
    sys.exit(3)

import argparse  # noqa: E402
import json  # noqa: E402
import os  # noqa: E402
from collections.abc import Callable  # noqa: E402
from pathlib import Path  # noqa: E402

from . import FAILED, ExportError, checkout, pins  # noqa: E402


def parser(description: str) -> argparse.ArgumentParser:
    """The options that all programs have. The benchmark's program gives them."""
    p = argparse.ArgumentParser(description=description.splitlines()[0])
    p.add_argument("--reference", type=Path, required=True, help="checkout of the reference at the pinned commit")
    p.add_argument("--check", action="store_true", help="check whether the reference can be run, and stop")
    return p


def main(
    arguments: argparse.Namespace,
    measure: Callable[[argparse.Namespace, Path], dict],
    environment: dict[str, str] | None = None,
) -> int:
    """Prints the figures of `measure`, which takes the arguments and the checkout, as one line of JSON on standard
    output. Errors and their hints go to standard error. Returns the exit code.

    The caller's pins are removed and `environment` is set before NumPy and torch read them."""
    for name in pins.PINS:
        os.environ.pop(name, None)
    os.environ.update(environment or {})
    # Standard output carries only the figures, so the output of libraries goes elsewhere.
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    try:
        # Before anything is imported from it.
        reference = checkout.check(arguments.reference)
        pins.require_packages("cpu")
        print(json.dumps({} if arguments.check else measure(arguments, reference)), file=out, flush=True)
        return 0
    except ExportError as error:
        print(f"error: {error}", file=sys.stderr)
        if error.hint:
            print(f"hint: {error.hint}", file=sys.stderr)
        return error.code
    except OSError as error:
        print(f"error: the reference failed: {error}\nhint: run it alone to see why", file=sys.stderr)
        return FAILED
