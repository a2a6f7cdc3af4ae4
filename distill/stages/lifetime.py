"""Ties a stage's process to its worker. Imports next to nothing, so that it can come first of all."""

from __future__ import annotations

import ctypes
import os
import signal
import sys

# Process id of the worker, with which a stage dies.
WORKER_VARIABLE = "SPIRITSAFE_STAGE_WORKER"
_PR_SET_PDEATHSIG = 1


def die_with_worker() -> None:
    """Has the kernel kill this process when the worker dies, however it dies (Linux)."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != int(os.environ[WORKER_VARIABLE]):
        sys.exit("the worker was gone before this stage began")
