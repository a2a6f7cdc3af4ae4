"""``make bench``: verdicts among very many stored versions, at small and great lineage depth.

Each row is one question inside the server: read the version, give its verdict in all four contexts. Processor time is
given beside the time that passed, since other work on the machine delays only the latter.

* memoised: asked before, and no licence data has changed since.
* fresh epoch: licence data has just changed, so the verdict is computed anew; the lineage was seen before.
* cold: licence data has just changed, and this version was never asked for.
"""

from __future__ import annotations

import argparse
import gc
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from registry.context import Registry
from registry.decisions.evaluation import CONTEXTS, bump_epoch, evaluate_contexts
from registry.home import open_home
from registry.storage.lookup import get_version
from tests.benchmarks.home import fill

VERSIONS = 1_000_000
SHALLOW, DEEP = 3, 300
CHAINS = 50
REPEATS = 300
LICENSES = {"permissive": "apache-2.0", "non-commercial": "cc-by-nc-4.0"}

# Milliseconds that passed, and of processor time.
Times = list[tuple[float, float]]


def ask(registry: Registry, name: str) -> None:
    """The verdicts of one version in all four contexts, as the service reads them."""
    with registry.database.read() as session:
        node, version = get_version(session, name)
        assert len(evaluate_contexts(session, registry, node, version, CONTEXTS)) == len(CONTEXTS)


def change(registry: Registry) -> None:
    """What every change of licence data does to verdicts."""
    with registry.database.write() as session:
        bump_epoch(session)


def timed(registry: Registry, names: Sequence[str], repeats: int, before: Callable[[Registry], object]) -> Times:
    """Milliseconds of each question, asked in turn of the names."""
    times = []
    for number in range(repeats):
        before(registry)
        passed, worked = time.perf_counter(), time.thread_time()
        ask(registry, names[number % len(names)])
        times.append(((time.perf_counter() - passed) * 1000, (time.thread_time() - worked) * 1000))
    return times


def measure(home: Path, names: Sequence[str]) -> dict[str, Times]:
    """Times by kind of question, for versions of one depth."""
    registry = open_home(home)
    ask(registry, names[0])  # imports and statement caches
    gc.freeze()  # as `spiritsafe serve` does
    cold = timed(registry, names[1:], len(names) - 1, change)
    fresh = timed(registry, names, REPEATS, change)
    ask(registry, names[0])
    memoised = timed(registry, names[:1], REPEATS, lambda _: None)
    registry.database.close()
    return {"memoised": memoised, "fresh epoch": fresh, "cold": cold}


def percentile(times: Times, share: float, kind: int) -> float:
    """The time within which this share of the questions was answered: 0 for what passed, 1 for processor time."""
    return sorted(each[kind] for each in times)[min(len(times) - 1, int(len(times) * share))]


def table(home: Path, versions: int) -> Table:
    """Fills the home and measures."""
    kinds = [(label, license_id, depth) for label, license_id in LICENSES.items() for depth in (SHALLOW, DEEP)]
    started = time.perf_counter()
    names = fill(home, versions, [(depth, license_id) for _, license_id, depth in kinds for _ in range(CHAINS)])
    title = f"{versions:,} versions, filled in {time.perf_counter() - started:.0f} s; ms for all four contexts"
    columns = ("first licence", "question", "depth", "p50", "p99", "cpu p50", "cpu p99", f"cpu p50 to depth {SHALLOW}")
    found = Table(*columns, title=title)
    results = {kind: measure(home, names[i * CHAINS : (i + 1) * CHAINS]) for i, kind in enumerate(kinds)}
    for label, license_id, depth in kinds:
        for question, times in results[label, license_id, depth].items():
            figures = [percentile(times, share, kind) for kind in (0, 1) for share in (0.5, 0.99)]
            ratio = figures[2] / percentile(results[label, license_id, SHALLOW][question], 0.5, 1)
            found.add_row(label, question, str(depth), *(f"{each:.2f}" for each in (*figures, ratio)))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--versions", type=int, default=VERSIONS, help="how many versions are stored")
    parser.add_argument("--folder", type=Path, help="where the home is written; about 1.5 GB for a million versions")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        Console(width=120).print(table(Path(folder, "home"), arguments.versions))


if __name__ == "__main__":
    main()
