"""Reads by one server process and by two on one port, with the same callers.

Pages of whole versions are read: the work is the server's, and the callers, who share the cores of this machine,
leave it most of them. Each caller has a connection of its own, since it is connections that the kernel spreads.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import grpc

from registry.home import TOKEN_FILE
from spiritsafe.registry.v1 import version_pb2, version_pb2_grpc
from tests.benchmarks.registry.ours import NAMESPACE, Home, make_home, template
from tests.benchmarks.registry.places import Places
from tests.benchmarks.registry.processes import server, wait_for_line
from tests.benchmarks.registry.results import Figure
from tests.benchmarks.registry.sizes import CALLERS, Sizes
from tests.benchmarks.registry.systems import LARGE
from tests.benchmarks.registry.timing import Timed, together

PROCESSES = (1, 2)
PAGE_SIZE = 100
GOAL = 1.5


def measure(folder: Path, places: Places, sizes: Sizes) -> list[Figure]:
    """Pages per second of each number of processes, and the gain."""
    home = make_home(folder / "scaling", places)
    with template(home) as made:
        made.fill(replace(sizes, models=1, versions=1, large=min(sizes.large, 2_000)))
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, range(os.cpu_count() or 1))
    try:
        rates = {count: _rate(home, count, sizes) for count in PROCESSES}
    finally:
        os.sched_setaffinity(0, before)
    first, last = PROCESSES
    figures = [
        Figure(f"pages of {PAGE_SIZE} whole versions, {CALLERS} callers, {count} processes", rate, "pages/s")
        for count, rate in rates.items()
    ]
    return [*figures, Figure(f"{last} processes to {first}", rates[last] / rates[first], "x", GOAL)]


def _rate(home: Home, processes: int, sizes: Sizes) -> float:
    total = Timed()
    with _callers(home, processes) as calls:
        for _ in range(sizes.rounds):
            total.add(together(calls, sizes.calls * 4, sizes.seconds))
    return total.rate


@contextmanager
def _callers(home: Home, processes: int) -> Iterator[list[Callable[[], object]]]:
    """A call of each caller, on servers that use all cores."""
    options = ["--home", str(home.folder), "--port", "0", "--processes", str(processes), "--format", "json"]
    log = home.folder.with_suffix(f".{processes}.log")
    cores = set(range(os.cpu_count() or 1))
    with server([sys.executable, "-m", "cli.main", "serve", *options], log, cores, {}), ExitStack() as stack:
        address = json.loads(wait_for_line(log, "{"))["address"]
        metadata = [("authorization", f"Bearer {(home.folder / TOKEN_FILE).read_text().strip()}")]
        request = version_pb2.ListVersionsRequest(parent=f"{NAMESPACE}/models/{LARGE}", page_size=PAGE_SIZE)

        def caller() -> Callable[[], object]:
            # Channels to one address share a connection otherwise.
            own = [("grpc.use_local_subchannel_pool", 1), ("grpc.enable_http_proxy", 0)]
            channel = stack.enter_context(grpc.insecure_channel(address, own))
            stub = version_pb2_grpc.VersionServiceStub(channel)
            return lambda: stub.ListVersions(request, metadata=metadata)

        yield [caller() for _ in range(CALLERS)]
