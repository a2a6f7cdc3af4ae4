"""The command ``spiritsafe`` for pages: each runs in a process of its own, forked from one that has the imports done.

Importing is most of what a short command does, and pages have over a hundred. What runs then is the command's own
``main``, with the arguments, environment, folder and streams that the shell gave it.
"""

from __future__ import annotations

import importlib
import json
import os
import pkgutil
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

# What commands of an embedded registry import; nothing that reads the environment while it is imported.
_PACKAGES = ("cli", "registry.services", "registry.server", "registry.home")
# Begins in a fiftieth of a second: no site packages.
_SHIM = """#!{python} -IS
import array, json, os, socket, sys
server = socket.socket(socket.AF_UNIX)
server.connect({address!r})
call = json.dumps([sys.argv[1:], os.getcwd(), dict(os.environ)]).encode()
server.sendmsg([len(call).to_bytes(8, "big")], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [0, 1, 2]))])
server.sendall(call)
sys.exit(int(server.recv(8) or b"70"))
"""


@contextmanager
def command(folder: Path, environment: Mapping[str, str]) -> Iterator[Path]:
    """A folder with an executable ``spiritsafe`` for PATH, which works within the context."""
    address = folder / "socket"
    shim = folder / "bin" / "spiritsafe"
    shim.parent.mkdir()
    shim.write_text(_SHIM.format(python=sys.executable, address=str(address)))
    shim.chmod(shim.stat().st_mode | stat.S_IXUSR)
    with subprocess.Popen(
        [sys.executable, "-m", "tests.docs.preloaded", str(address)], env=environment, stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout is not None
        assert server.stdout.readline() == "ready\n"
        try:
            yield shim.parent
        finally:
            server.kill()


def _serve(address: str) -> None:
    _preload()
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(address)
    listener.listen()
    # Nobody waits for the children.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    print("ready", flush=True)  # noqa: T201 - whoever started this waits for it
    while True:
        caller, _ = listener.accept()
        if os.fork() == 0:
            listener.close()
            break
        caller.close()
    _run(caller)


def _preload() -> None:
    for name in _PACKAGES:
        module = importlib.import_module(name)
        for found in pkgutil.iter_modules(getattr(module, "__path__", ()), f"{name}."):
            if not found.name.startswith("cli.tour"):
                importlib.import_module(found.name)


def _run(caller: socket.socket) -> None:
    """Takes the place of the process that called, and tells it the exit code."""
    header, streams, _, _ = socket.recv_fds(caller, 8, 3)
    with caller.makefile("rb") as file:
        arguments, folder, environment = json.loads(file.read(int.from_bytes(header, "big")))
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    code = 1
    try:
        from cli.main import main

        main(arguments)
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
        raise
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        caller.sendall(str(code).encode())


if __name__ == "__main__":
    _serve(sys.argv[1])
