"""``python -m tests.benchmarks.reevaluation [VERSIONS]``: a profile is revised, and everything below it re-evaluated.

The lineage is a base under the revised licence with families below it: fine-tunes of fine-tunes, adapters, quantised
versions, datasets that they wrote, and students of these, a third of them with licences of their own.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console
from rich.table import Table
from sqlmodel import col, select

from registry.context import Registry
from registry.decisions import profiles
from registry.decisions.epoch import bump_epoch
from registry.home import open_home
from registry.licensing import EdgeType
from registry.reevaluation.worker import Worker
from registry.storage import audit
from registry.storage.tables import Reevaluation
from tests.registry.reevaluation.documents import profile_document
from tests.registry.reevaluation.lineages import Planted, plant

VERSIONS = 100_000
FAMILY = 12  # versions of one family below the base


def lineage(versions: int) -> Iterator[Planted]:
    """The base, then families of a tuned model, its tunes, their data and students."""
    yield Planted(["cc-by-nc-4.0"], imported=True, base_family="xlam")
    yield Planted(["apache-2.0"], imported=True, base_family="qwen3")
    for family in range((versions + FAMILY - 1) // FAMILY):
        at = 2 + family * FAMILY
        own = [[], ["apache-2.0"], ["llama3.2"]][family % 3]
        yield Planted(own, [(EdgeType.FINETUNE, 0)])
        for step in range(4):
            yield Planted([], [(EdgeType.FINETUNE, at + step)])
        yield Planted([], [(EdgeType.ADAPTER, at + 4)])
        yield Planted([], [(EdgeType.GENERATED_BY, at + 5)], "datasets")
        yield Planted([], [(EdgeType.DERIVED_FROM, at + 6)], "datasets")
        yield Planted(["apache-2.0"], [(EdgeType.MERGE, 1), (EdgeType.TRAINED_ON, at + 7)])
        yield Planted(["apache-2.0"], [(EdgeType.QUANTIZE, at + 8)])
        yield Planted(["openrail-m"], [(EdgeType.FINETUNE, at + 8)])
        yield Planted([], [(EdgeType.CONVERT, at + 10)])


def run(registry: Registry) -> float:
    """Seconds that everything queued takes."""
    worker = Worker(registry.database, "benchmark")
    start = time.perf_counter()
    while worker.run_next(lambda: True):
        pass
    return time.perf_counter() - start


def measure(versions: int) -> tuple[Reevaluation, float, float]:
    """The job of the revision, its seconds, and those that the first verdicts took."""
    with tempfile.TemporaryDirectory() as folder:
        registry = open_home(Path(folder, "home"))
        with registry.database.write() as session:
            plant(session, lineage(versions))
            bump_epoch(session)
        first = run(registry)
        with registry.database.write() as session:
            document = profile_document("apache-2.0", id="cc-by-nc-4.0")
            _, _, event = profiles.revise(session, "bench", document, "benchmark", "")
            audit.append(session, event, "bench")
        revised = run(registry)
        with registry.database.read() as session:
            job = session.exec(select(Reevaluation).order_by(col(Reevaluation.id).desc())).first()
        registry.database.close()
    assert job is not None
    return job, revised, first


def main() -> None:
    versions = int(sys.argv[1]) if len(sys.argv) > 1 else VERSIONS
    job, seconds, first = measure(versions)
    table = Table("operation", "versions", "verdicts changed", "seconds", title="Re-evaluation")
    table.add_row("first verdicts of a whole registry", f"{job.reached:,}", "", f"{first:.1f}")
    table.add_row("a licence profile is revised", f"{job.reached:,}", f"{job.changed:,}", f"{seconds:.1f}")
    Console().print(table)


if __name__ == "__main__":
    main()
