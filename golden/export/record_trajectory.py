#!/usr/bin/env python3
"""Records a run of the reference's own training program over many steps. `--help` lists the options; the section on
trajectories of `golden/README.md` describes what is recorded."""

import sys

if sys.version_info < (3, 11):
    sys.exit("error: Python 3.11 or newer is needed")

from dinov3_export.trajectory_cli import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
