"""Errors of the distillation service, below the tree of ``spiritsafe.errors``.

SpiritsafeError
├── FailedPrecondition
│   ├── HomeLocked          another worker serves this home
│   ├── SandboxRefused      an environment cannot be confined as it must be
│   ├── TeacherChanged      an endpoint serves another model than before
│   ├── TeacherRefused      an endpoint does not take what it is asked
│   └── TeacherUnreadable   an endpoint answers something that is no reply
├── Unavailable
│   └── TeacherUnavailable  an endpoint did not answer, however often it was asked
└── Internal
    ├── ReplicaLost         a process that held a copy of a model died
    ├── SandboxLost         the processes that run tools die, or take too long
    └── StageFailed         a stage's process ended without a result
"""

from __future__ import annotations

from pathlib import Path

from spiritsafe.errors import FailedPrecondition, Internal, Unavailable


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
    """A process that runs tools died or took too long, and goes on doing so, or it ran none but built-in worlds. That
    says nothing about whoever called them.
    """

    def __init__(self, cause: str, finished: int, jobs: int) -> None:
        super().__init__(
            f"the sandbox finished {finished} of {jobs} jobs: {cause}",
            reason="SANDBOX_LOST",
            remedy="see that the machine has memory to spare, and that an environment of your own works "
            "(`spiritsafe environment call`), then resume the run",
        )


class SandboxRefused(FailedPrecondition):
    """An environment cannot be run here as it must be, so it is not run at all."""

    def __init__(self, cause: str) -> None:
        super().__init__(
            f"the environment is not run: {cause}",
            reason="SANDBOX_REFUSED",
            remedy="run the worker where user namespaces are allowed or as root of its container, or allow the "
            "environment a network with environment.limits.network; set the variables that it names",
        )


class TeacherUnavailable(Unavailable):
    """No server of a teacher answered a request, however often it was asked."""

    def __init__(self, attempts: int, cause: str) -> None:
        super().__init__(
            f"the teacher did not answer in {attempts} attempts; at last {cause}",
            reason="TEACHER_UNAVAILABLE",
            remedy="see that its server runs and is not overloaded, then resume: what was finished is kept",
            metadata={"attempts": str(attempts)},
        )


class TeacherRefused(FailedPrecondition):
    """A teacher's server does not take what it is asked, and would not the next time."""

    def __init__(self, url: str, status: int, told: str) -> None:
        super().__init__(
            f"{url} refused with HTTP {status}: {told or 'no explanation'}",
            reason="TEACHER_REFUSED",
            remedy=_REFUSED.get(status, "read what it says; model, sampling or length do not suit this server"),
            metadata={"url": url, "status": str(status)},
        )


_REFUSED = {
    401: "set the variable that api_key_env names to a valid key",
    403: "set the variable that api_key_env names to a key that may use this model",
    404: "check the address, which ends with the version as in http://localhost:8000/v1, and the model's id",
    413: "shorten the conversations, or raise the server's limit",
}


class TeacherUnreadable(FailedPrecondition):
    """A teacher's server answers something that is no reply."""

    def __init__(self, url: str, cause: str) -> None:
        super().__init__(
            f"{url} does not answer like an OpenAI-compatible server: {cause}",
            reason="TEACHER_UNREADABLE",
            remedy="check the address: it must be the API's, as in http://localhost:8000/v1, not a page or a proxy's",
            metadata={"url": url},
        )


class TeacherChanged(FailedPrecondition):
    """A teacher's server serves another model than before: what it writes must not be mixed with what was written."""

    def __init__(self, url: str, before: str, now: str) -> None:
        super().__init__(
            f"{url} serves {now!r}, and {before!r} was asked for or served before",
            reason="TEACHER_CHANGED",
            remedy="serve the same model on every address, or begin a new run for the new one",
            metadata={"url": url, "before": before, "now": now},
        )


class RunCancelled(Exception):
    """Somebody cancelled the run while a stage was at work. Never reaches a caller."""


class WorkerStopped(BaseException):
    """The worker is going down while a stage is at work. DBOS records exceptions as the step's outcome, but nothing
    that is not an Exception: so the step stays open, and the next worker takes it up.
    """
