#!/usr/bin/env python3
"""Records golden sets from a checkout of the reference. `--help` lists the options; `golden/README.md` describes the
sets."""

import sys

if sys.version_info < (3, 11):
    sys.exit("error: Python 3.11 or newer is needed")

from dinov3_export.cli import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
