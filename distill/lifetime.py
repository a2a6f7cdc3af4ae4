"""Ties a process to the one that started it. Imports next to nothing, so that it can come first of all."""

from __future__ import annotations

import ctypes
import os
import signal
import sys

# Process id of the worker, with which a stage dies.
WORKER_VARIABLE = "SPIRITSAFE_STAGE_WORKER"
_PR_SET_PDEATHSIG = 1


def die_with_worker() -> None:
    """Has the kernel kill this stage's process when its worker dies."""
    die_with_parent(int(os.environ[WORKER_VARIABLE]))


def die_with_parent(parent: int) -> None:
    """Has the kernel kill this process when ``parent``, which started it, dies, however it dies (Linux)."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit(f"process {parent} was gone before what it started began")
