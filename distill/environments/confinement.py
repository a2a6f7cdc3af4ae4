"""What a sandbox's process does to itself before any environment's code runs in it: bounds, no network, a supervisor.

Standard library only, so that it can come first of all. Linux; elsewhere only the built-in worlds run.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from distill.environments.limits import Limits

# Exit codes of a supervisor that has ended its environment. Those of programs end at 128 + signal.
TOO_MUCH_MEMORY, TOO_MANY_PROCESSES = 251, 252
_CLONE_NEWUSER, _CLONE_NEWNET = 0x10000000, 0x40000000
_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36
_WATCH_SECONDS = 0.05
_PAGE = os.sysconf("SC_PAGE_SIZE")


def bound(limits: Limits, address_space: bool) -> None:
    """Set the kernel's limits for this process and all that it will start. No core is ever dumped."""
    _lower(resource.RLIMIT_CORE, 0)
    _lower(resource.RLIMIT_FSIZE, limits.file_bytes)
    _lower(resource.RLIMIT_NOFILE, limits.open_files)
    if address_space:
        _lower(resource.RLIMIT_AS, limits.memory_bytes)


def grant_cpu(seconds: int) -> None:
    """Let this process, and what it starts from now on, compute for so long from now; then the kernel ends it."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    _, most = resource.getrlimit(resource.RLIMIT_CPU)
    # The limit counts whole seconds since the process began.
    resource.setrlimit(resource.RLIMIT_CPU, (int(used.ru_utime + used.ru_stime) + 1 + seconds, most))


def leave_network() -> str:
    """Move this process into a network of its own, in which there is nothing; why it cannot, or empty.

    Whose capabilities do not suffice for that needs a user namespace, which some systems and most containers forbid.
    """
    if sys.platform != "linux":
        return f"{sys.platform} has no network namespaces"
    user, group = os.geteuid(), os.getegid()
    libc = ctypes.CDLL(None, use_errno=True)
    if not libc.unshare(_CLONE_NEWNET):
        return ""
    if libc.unshare(_CLONE_NEWNET | _CLONE_NEWUSER):
        return f"the kernel refuses a network namespace: {os.strerror(ctypes.get_errno())}"
    # So that programs see the ids that they have. It changes nothing else, and not everybody may.
    for name, text in (("setgroups", "deny"), ("uid_map", f"{user} {user} 1"), ("gid_map", f"{group} {group} 1")):
        with suppress(PermissionError):
            Path("/proc/self", name).write_text(text)
    return ""


def supervise(limits: Limits) -> None:
    """Go on in a new process, and stay behind as its supervisor. Returns in the new process alone.

    All that the environment starts is below the supervisor in the tree of processes, also what was orphaned, and none
    of it outlives the supervisor. It counts processes and their memory, and ends all of them where there are too many,
    or when it is told to end (SIGTERM) or its own parent has died. Its exit code is that of the new process, or says
    why it ended it.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_CHILD_SUBREAPER, 1)
    parent = os.getppid()
    signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    worker = os.fork()
    if worker == 0:
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
        return
    # The other ends of these must learn of the worker's end; standard error is for our own last words.
    os.closerange(0, 2)
    os.closerange(3, limits.open_files)
    code = _watch(worker, parent, limits)
    _end_all()
    os._exit(code)


_SIGNALS = frozenset({signal.SIGCHLD, signal.SIGTERM})


def _watch(worker: int, parent: int, limits: Limits) -> int:
    """Until there is reason to end; the exit code. A parent's thread may end before it, so no signal tells its end."""
    while True:
        told = signal.sigtimedwait(_SIGNALS, _WATCH_SECONDS)
        if os.getppid() != parent or (told is not None and told.si_signo == signal.SIGTERM):
            return 128 + signal.SIGTERM
        for process, code in _reaped():
            if process == worker:
                return code
        below = [process for process in descendants(os.getpid()) if process != worker]
        if len(below) > limits.processes:
            return TOO_MANY_PROCESSES
        if sum(map(_resident_bytes, [worker, *below])) > limits.memory_bytes:
            return TOO_MUCH_MEMORY


def _reaped() -> Iterator[tuple[int, int]]:
    """Processes that have ended, each with its exit code as a shell would tell it."""
    with suppress(ChildProcessError):
        while (found := os.waitpid(-1, os.WNOHANG))[0]:
            code = os.waitstatus_to_exitcode(found[1])
            yield found[0], code if code >= 0 else 128 - code


def _end_all() -> None:
    """Kill until nothing is left. What is stopped first cannot start another one meanwhile."""
    while below := descendants(os.getpid()):
        for number in (signal.SIGSTOP, signal.SIGKILL):
            for process in below:
                with suppress(ProcessLookupError, PermissionError):
                    os.kill(process, number)
        time.sleep(0.002)
        for _ in _reaped():
            pass


def descendants(process: int) -> list[int]:
    """Every living process below ``process``, parents first."""
    found: list[int] = []
    for child in _children(process):
        found += [child, *descendants(child)]
    return found


def _children(process: int) -> list[int]:
    children: list[int] = []
    with suppress(OSError):
        for thread in Path(f"/proc/{process}/task").iterdir():
            with suppress(OSError):
                children += map(int, (thread / "children").read_text().split())
    return children


def _resident_bytes(process: int) -> int:
    try:
        return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * _PAGE
    except (OSError, IndexError):
        return 0


def _lower(limit: int, value: int) -> None:
    _, most = resource.getrlimit(limit)
    value = value if most == resource.RLIM_INFINITY else min(value, most)
    resource.setrlimit(limit, (value, value))
