"""``python -m tests.benchmarks.distill.asking``: how much of an endpoint's throughput the client keeps."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.table import Table

from distill.teacher.endpoint.client import EndpointTeacher
from distill.teacher.endpoint.settings import EndpointSettings
from distill.teacher.protocol import ChatMessage, Sampling, TeacherRequest

LATENCY_SECONDS, CONCURRENCY, REQUESTS = 0.05, 64, 12_800
GOAL = 0.95
# About 500 tokens of tools, as a prompt has.
REQUEST = TeacherRequest((ChatMessage("user", "find_order: looks an order up. " * 64),), Sampling(seed=1))


@contextmanager
def endpoint() -> Iterator[str]:
    """An endpoint in a process, and where there are several cores, on a core, of its own."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "tests.benchmarks.distill.endpoint", str(port), str(LATENCY_SECONDS)]
    cores = sorted(os.sched_getaffinity(0))
    with subprocess.Popen(command, stdout=subprocess.PIPE) as server:
        assert server.stdout is not None
        server.stdout.readline()
        os.sched_setaffinity(server.pid, {cores[0]})
        os.sched_setaffinity(0, {cores[-1]})
        try:
            yield f"http://127.0.0.1:{port}/v1"
        finally:
            os.sched_setaffinity(0, set(cores))
            server.kill()


async def ask(url: str, requests: int) -> tuple[float, float]:
    """Wall-clock and processor seconds for so many requests, after a round that opens the connections."""
    async with EndpointTeacher(EndpointSettings((url,), concurrency=CONCURRENCY), {}) as teacher:
        await asyncio.gather(*(teacher.ask(REQUEST) for _ in range(CONCURRENCY)))
        start, processor = time.perf_counter(), time.process_time()
        await asyncio.gather(*(teacher.ask(REQUEST) for _ in range(requests)))
        return time.perf_counter() - start, time.process_time() - processor


def main() -> None:
    """Measure and print."""
    with endpoint() as url:
        seconds, processor = asyncio.run(ask(url, REQUESTS))
    ideal = CONCURRENCY / LATENCY_SECONDS
    table = Table(
        title=f"A teacher of {LATENCY_SECONDS * 1000:g} ms, {CONCURRENCY} requests at once, {REQUESTS:,} in all"
    )
    for column in ("", "value", "goal"):
        table.add_column(column, justify="left" if not column else "right")
    table.add_row("ideal", f"{ideal:,.0f}/s", "")
    table.add_row("reached", f"{REQUESTS / seconds:,.0f}/s", "")
    share = REQUESTS / seconds / ideal
    table.add_row("share", f"{share:.1%}", f"≥ {GOAL:.0%} {'met' if share >= GOAL else 'missed'}")
    table.add_row("processor time a request", f"{processor / REQUESTS * 1e6:,.0f} µs", "")
    Console().print(table)


if __name__ == "__main__":
    main()
