"""Errors of the distillation service, below the tree of ``spiritsafe.errors``.

SpiritsafeError
├── FailedPrecondition
│   └── HomeLocked       another worker serves this home
└── Internal
    ├── ReplicaLost      a process that held a copy of a model died
    ├── SandboxLost      the process that runs tools died, or took too long
    └── StageFailed      a stage's process ended without a result
"""

from __future__ import annotations

from pathlib import Path

from spiritsafe.errors import FailedPrecondition, Internal


class HomeLocked(FailedPrecondition):
    """Another worker serves this home. Two would run the same stage twice at once."""

    def __init__(self, home: Path, holder: str) -> None:
        stop = f" with `kill {holder}`" if holder else ""
        super().__init__(
            f"worker {holder or 'of unknown process id'} already serves {home}",
            reason="HOME_LOCKED",
            remedy=f"let it work, or stop it{stop} first; a second worker needs a home of its own",
            metadata={"home": str(home), "holder": holder},
        )


class StageFailed(Internal):
    """A stage's process ended without a result. ``cause`` is what it said, or the end of its log."""

    def __init__(self, stage: str, cause: str, log: Path) -> None:
        super().__init__(
            f"stage {stage} failed: {cause}",
            reason="STAGE_FAILED",
            remedy=f"read {log}, remove the cause, then resume the run",
            metadata={"stage": stage, "log": str(log)},
        )


class ReplicaLost(Internal):
    """A process that wrote with a copy of a model died."""

    def __init__(self) -> None:
        super().__init__(
            "a process that wrote with a copy of the model died, as one does when memory runs out",
            reason="REPLICA_LOST",
            remedy="resume the run; with OMP_NUM_THREADS at the number of cores there is one process and no copy",
        )


class SandboxLost(Internal):
    """The process that runs tools died, or took too long: that says nothing about whoever called them."""

    def __init__(self, cause: str, finished: int, jobs: int) -> None:
        super().__init__(
            f"the sandbox finished {finished} of {jobs} jobs: {cause}",
            reason="SANDBOX_LOST",
            remedy="see that the machine has memory to spare, then resume the run",
        )


class RunCancelled(Exception):
    """Somebody cancelled the run while a stage was at work. Never reaches a caller."""


class WorkerStopped(BaseException):
    """The worker is going down while a stage is at work. DBOS records exceptions as the step's outcome, but nothing
    that is not an Exception: so the step stays open, and the next worker takes it up.
    """
