"""One holder at a time.

Between processes: advisory locks on files, which the kernel releases with the process that holds them. Between the runs
of one worker: ``Turns``.
"""

from __future__ import annotations

import fcntl
import os
import signal
import threading
import time
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from pathlib import Path

from distill.errors import HomeLocked

WORKER_LOCK = "worker.lock"
_GRACE_SECONDS = 5.0
_POLL_SECONDS = 0.05
_PROBE_SECONDS = 0.5


@contextmanager
def home_lock(home: Path) -> Iterator[None]:
    """Held by the one worker of a home. Raises HomeLocked when there is another."""
    home.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(home / WORKER_LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        # has_worker holds the lock for a moment, so one refusal proves nothing.
        if not _try_for(descriptor, _PROBE_SECONDS):
            raise HomeLocked(home, _holder(descriptor))
        _sign(descriptor)
        yield
    finally:
        os.close(descriptor)


def has_worker(home: Path) -> bool:
    """Whether a worker serves this home now."""
    path = home / WORKER_LOCK
    if not path.exists():
        return False
    descriptor = os.open(path, os.O_RDWR)
    try:
        # A shared lock: two who ask at once must not take each other for a worker.
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    else:
        return False
    finally:
        os.close(descriptor)


@contextmanager
def stage_lock(path: Path) -> Iterator[None]:
    """Held by the one process that works on a stage.

    A process left over from a killed worker is on its way out already (it gets a signal with its parent's death). It
    has a few seconds; then it is killed. The lock is the process's own: copies that it forks do not share it.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        while not _try_for(descriptor, _GRACE_SECONDS, fcntl.lockf):
            _kill(_holder(descriptor))
        _sign(descriptor)
        yield
    finally:
        os.close(descriptor)


class Turns:
    """Gives each key to one thread at a time."""

    def __init__(self) -> None:
        self._locks: dict[Hashable, threading.Lock] = {}

    @contextmanager
    def taken(self, key: Hashable, on_wait: Callable[[], None], check: Callable[[], None]) -> Iterator[None]:
        """Holds ``key`` for the length of the context.

        ``on_wait`` is called once if another holds it; ``check`` is called while it does, and ends the wait by raising.
        """
        lock = self._locks.setdefault(key, threading.Lock())
        if not lock.acquire(blocking=False):
            on_wait()
            while not lock.acquire(timeout=_POLL_SECONDS):
                check()
        try:
            yield
        finally:
            lock.release()


def _try_for(descriptor: int, seconds: float, lock: Callable[[int, int], None] = fcntl.flock) -> bool:
    deadline = time.monotonic() + seconds
    while True:
        try:
            lock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                return False
            time.sleep(_POLL_SECONDS)
        else:
            return True


def _sign(descriptor: int) -> None:
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, str(os.getpid()).encode(), 0)


def _holder(descriptor: int) -> str:
    return os.pread(descriptor, 32, 0).decode()


def _kill(holder: str) -> None:
    # The file is signed only under the lock, so while the lock is held the number is the holder's.
    if holder.isdigit():
        try:
            os.kill(int(holder), signal.SIGKILL)
        except ProcessLookupError:
            return
