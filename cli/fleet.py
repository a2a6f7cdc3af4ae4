"""Several server processes on one port: started, watched, replaced one after the other, and drained together.

Each process listens by itself with SO_REUSEPORT, and the kernel spreads new connections over them. They are started
afresh rather than forked, since gRPC does not survive a fork; each drains and ends when its standard input does, so
none outlives the process that started it, however that ends.
"""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from cli import output
from spiritsafe.errors import Internal, Unavailable

# Before a process that ended is started again; doubled as long as it ends at once.
FIRST_WAIT_SECONDS = 0.5
LONGEST_WAIT_SECONDS = 30.0
# A process that served for so long is no longer one that ends at once.
SETTLED_SECONDS = 60.0


@contextmanager
def reserved_port(host: str, port: int) -> Iterator[int]:
    """Keeps a port, or a free one for 0, for processes of this user that share it.

    Raises Unavailable when it is taken, also by processes that would share it: two registries on one port would answer
    in turns.
    """
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    try:
        with socket.socket(family, kind, protocol) as alone:
            alone.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            alone.bind(address)
            # Only then is one that shares the port refused.
            alone.listen()
            address = (host, alone.getsockname()[1], *address[2:])
        shared = socket.socket(family, kind, protocol)
        shared.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        shared.bind(address)
    except OSError as error:
        raise Unavailable(
            f"cannot listen on {host}:{port}",
            reason="ADDRESS_UNUSABLE",
            remedy="choose another address, or stop the process that uses it",
        ) from error
    with shared:
        yield int(address[1])


@dataclass(slots=True)
class Fleet:
    """``size`` processes of one command, which prints one line of JSON once it serves."""

    command: Sequence[str]
    size: int
    announced: dict[str, str] = field(default_factory=dict)
    _members: list[asyncio.Task[None]] = field(default_factory=list)
    _processes: dict[int, asyncio.subprocess.Process] = field(default_factory=dict)
    _stopping: bool = False

    async def start(self) -> None:
        """Returns once every process serves. Raises Internal when one ends before it does."""
        try:
            for number in range(self.size):
                await self._launch(number)
        except BaseException:
            await self.stop()
            raise
        self._members = [asyncio.create_task(self._keep(number)) for number in range(self.size)]

    async def replace(self) -> None:
        """Ends the processes one after the other; each is started anew before the next one ends."""
        for number in range(self.size):
            old = self._processes[number]
            old.send_signal(signal.SIGTERM)
            while self._processes[number] is old:
                await asyncio.sleep(0.05)

    async def stop(self) -> None:
        """Has all of them drain at the same time, and waits for them."""
        self._stopping = True
        for process in self._processes.values():
            with suppress(ProcessLookupError):
                process.send_signal(signal.SIGTERM)
        await asyncio.gather(*(process.wait() for process in self._processes.values()))
        for member in self._members:
            member.cancel()
        await asyncio.gather(*self._members, return_exceptions=True)

    async def _keep(self, number: int) -> None:
        """Starts the process again whenever it has ended."""
        wait, loop = FIRST_WAIT_SECONDS, asyncio.get_running_loop()
        while not self._stopping:
            began = loop.time()
            code = await self._processes[number].wait()
            if self._stopping:
                return
            wait = FIRST_WAIT_SECONDS if loop.time() - began > SETTLED_SECONDS else wait
            if code:
                output.notices().print(f"[yellow]Note:[/] a server process ended with code {code}; it is started again")
                await asyncio.sleep(wait)
                wait = min(2 * wait, LONGEST_WAIT_SECONDS)
            with suppress(Internal):
                await self._launch(number)

    async def _launch(self, number: int) -> None:
        """Returns once the process serves. Raises Internal when it ends before it does."""
        process = await asyncio.create_subprocess_exec(
            *self.command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
        )
        self._processes[number] = process
        assert process.stdout is not None
        line = await process.stdout.readline()
        if not line:
            code = await process.wait()
            raise Internal(
                f"a server process ended with code {code} before it served",
                reason="SERVER_NOT_STARTED",
                remedy="its error stands above",
            )
        self.announced = json.loads(line)


def member_command(home: Path, host: str, port: int, options: Sequence[str] = ()) -> list[str]:
    """The command of one process of a fleet; ``options`` are further ones of ``spiritsafe serve``."""
    place = ["--home", str(home), "--host", host, "--port", str(port)]
    return [sys.executable, "-m", "cli.main", "serve", *place, *options, "--member", "--format", "json"]
