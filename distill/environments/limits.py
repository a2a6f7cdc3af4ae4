"""How much of a machine a tool environment may use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

from distill.trajectories.types import JsonValue

Failure = Literal["not_executed", "timed_out", "exited", "out_of_memory", "output_limit", "forked"]
"""Why a job has no execution: the environment raised; took too long; ended its process, or a call ended it; used more
memory, wrote more, or ran more processes than it may."""
FAILURES: tuple[Failure, ...] = get_args(Failure)
MEBIBYTE = 1 << 20


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one sandbox, all of its processes together where nothing else is said. Every number is positive.

    Attributes:
        seconds: wall-clock time of a job: one conversation's calls, in a fresh world.
        cpu_seconds: processor time of a job, in any one process.
        memory_bytes: resident memory, and for a Python module its address space as well.
        output_bytes: the results of one job, as JSON.
        file_bytes: any one file that it writes, and all that it prints in one job.
        open_files: descriptors of each process.
        processes: those that it may run beside its own.
        network: whether it may reach other machines, and this one's services.
    """

    seconds: float = 30.0
    cpu_seconds: int = 30
    memory_bytes: int = 2048 * MEBIBYTE
    output_bytes: int = MEBIBYTE
    file_bytes: int = 64 * MEBIBYTE
    open_files: int = 256
    processes: int = 16
    network: bool = False

    def to_json(self) -> dict[str, JsonValue]:
        """As JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> Limits:
        """Read what ``to_json`` wrote."""
        return cls(**row)
