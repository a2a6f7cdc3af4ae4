"""``make bench``: times the parts that a user waits for and prints one table. Absolute times are this machine's."""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from rich.console import Console
from rich.table import Table

from registry.home import open_home
from registry.licensing import EdgeType, evaluate_scenarios, inherit
from spiritsafe.client import Client
from spiritsafe.registry.v1 import licensing_pb2, model_pb2
from tests.registry.builders import NAMESPACE, Builder
from tests.registry.licensing.scenarios import diamonds, random_lineage
from tests.registry.serving import serve

REPEATS = 30
SHALLOW, DEEP = 3, 300
LARGE = random_lineage(10_000, 5)


def milliseconds(act: Callable[[], object], repeats: int = REPEATS) -> list[float]:
    """Wall-clock times of ``act`` after one warm-up."""
    act()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        act()
        times.append((time.perf_counter() - start) * 1000)
    return times


def help_text() -> object:
    """The command's help in a process of its own."""
    command = [str(Path(sys.executable).with_name("spiritsafe")), "--help"]
    return subprocess.run(command, check=True, capture_output=True)


def diamond(depth: int = 60) -> object:
    """Exposures of a chain of diamonds over weights edges: 2^depth paths."""
    top = inherit("n0")
    for level in range(1, depth + 1):
        sides = [inherit(f"{side}{level}", None, [(EdgeType.FINETUNE, top)]) for side in "ab"]
        top = inherit(f"n{level}", None, [(EdgeType.MERGE, side) for side in sides])
    return top


def chain(build: Builder, depth: int) -> str:
    """A fine-tune of a fine-tune of …, ``depth`` versions in all; the name of the last."""
    name = build.model(f"chain-{depth}", "base", licenses=["apache-2.0"], imported=True)
    parent = f"{NAMESPACE}/models/chain-{depth}"
    for _ in range(depth - 1):
        name = build.version(parent, "full", licenses=["apache-2.0"], edges=[("finetune", name)])
    return name


def verdict(client: Client, name: str, outbounds: list[str]) -> Callable[[], object]:
    """One verdict in all four contexts; each call names another outbound licence, so none is answered from memory."""
    return lambda: client.licenses.EvaluateVersion(
        licensing_pb2.EvaluateVersionRequest(name=name, outbound_license=outbounds.pop())
    )


def create_model(client: Client, ids: list[str]) -> Callable[[], object]:
    """One mutation with its audit event, durable on disk."""
    return lambda: client.models.CreateModel(
        model_pb2.CreateModelRequest(parent=NAMESPACE, model_id=ids.pop(), model=model_pb2.Model())
    )


def measure() -> dict[str, list[float]]:
    """Every row of the table, in milliseconds."""
    rows = {
        "spiritsafe --help": milliseconds(help_text, 5),
        "exposures, diamond of depth 60": milliseconds(diamond),
        "what-if, diamond of depth 60": milliseconds(lambda: evaluate_scenarios(diamonds(60))),
        "what-if, 10,000 nodes, 50,000 edges": milliseconds(lambda: evaluate_scenarios(LARGE), 3),
    }
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        home, files = Path(folder, "home"), Path(folder, "files")
        files.mkdir()
        served = serve(home, open_home(home), f"unix:{folder}/socket", stack)
        client = served.client("publisher", "reader", identity="bench@example.com")
        build = Builder(client, files)
        for depth in (SHALLOW, DEEP):
            outbounds = [f"licence-{number}" for number in range(REPEATS + 1)]
            rows[f"verdict, four contexts, depth {depth}"] = milliseconds(
                verdict(client, chain(build, depth), outbounds)
            )
        ids = [f"model-{number}" for number in range(REPEATS + 1)]
        rows["create a model, audited"] = milliseconds(create_model(client, ids))
    return rows


def main() -> None:
    table = Table("operation", "median ms", "min ms", "max ms", title="Spiritsafe benchmarks")
    for name, times in measure().items():
        table.add_row(name, f"{statistics.median(times):.1f}", f"{min(times):.1f}", f"{max(times):.1f}")
    Console().print(table)


if __name__ == "__main__":
    main()
