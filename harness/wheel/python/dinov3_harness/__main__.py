"""`python -m dinov3_harness` is the command `dinov3-harness`."""

import sys

from .launch import main

sys.exit(main())
