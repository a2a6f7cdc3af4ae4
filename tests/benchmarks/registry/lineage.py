"""Walks of a long and of a wide lineage: through the API, by the store's function, and as bare recursive SQL."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from sqlalchemy import create_engine, text

from registry.catalog.lineage import walk
from registry.home import open_home
from registry.licensing import EdgeType, NodeExposures, inherit
from registry.storage.database import Database
from registry.storage.lookup import get_version
from spiritsafe.errors import SpiritsafeError
from spiritsafe.registry.v1 import version_pb2
from tests.benchmarks.registry.cloning import Row
from tests.benchmarks.registry.filling import Template
from tests.benchmarks.registry.ours import NAMESPACE, Finish, Home, Registry, make_home, serving, template
from tests.benchmarks.registry.places import Places, driver_url
from tests.benchmarks.registry.results import Figure
from tests.benchmarks.registry.sizes import Sizes
from tests.benchmarks.registry.systems import TEMPLATE_TAGS

CHAIN, TREE = "chain", "tree"
CHILDREN = 10
REPEATS = 7
# Milliseconds, of the full sizes.
GOALS = {CHAIN: 5.0, TREE: 1_500.0}
TIMES_BARE_SQL = 3.0
API_SECONDS = 120.0

_WALKS = {
    CHAIN: """WITH RECURSIVE reached(id) AS (
        SELECT CAST(:start AS INTEGER) UNION
        SELECT edges.parent_id FROM edges JOIN reached ON edges.child_id = reached.id
    ) SELECT edges.id, edges.child_id, edges.type, edges.parent_id
    FROM edges JOIN reached ON edges.child_id = reached.id""",
    TREE: """WITH RECURSIVE reached(id) AS (
        SELECT CAST(:start AS INTEGER) UNION
        SELECT edges.child_id FROM edges JOIN reached ON edges.parent_id = reached.id
    ) SELECT edges.id, edges.child_id, edges.type, edges.parent_id
    FROM edges JOIN reached ON edges.parent_id = reached.id""",
}


def measure(folder: Path, places: Places, sizes: Sizes) -> list[Figure]:
    """A chain of fine-tunes walked up, and a tree with ten children each walked down."""
    home = make_home(folder / "lineages", places)
    with template(home) as made:
        _plant(made, CHAIN, sizes.depth + 1, lambda number: number - 1)
        _plant(made, TREE, sizes.descendants + 1, lambda number: (number + CHILDREN - 2) // CHILDREN)
    figures = []
    database = open_home(home.folder).database
    with serving(home) as registry:
        figures += _figures(
            f"ancestors at depth {sizes.depth}", CHAIN, sizes.depth + 1, sizes.depth, home, database, registry
        )
        figures += _figures(f"{sizes.descendants:,} descendants", TREE, 1, sizes.descendants, home, database, registry)
    database.close()
    return figures


def _figures(
    title: str, which: str, number: int, edges: int, home: Home, database: Database, registry: Registry
) -> list[Figure]:
    name = f"{NAMESPACE}/models/{which}/versions/{number}"
    direction = "ancestors" if which == CHAIN else "descendants"
    with database.read() as session:
        version = get_version(session, name)[1]
        start = version.id
    engine = create_engine(driver_url(home.database))

    def bare() -> int:
        with engine.connect() as connection:
            return len(connection.execute(text(_WALKS[which]), {"start": start}).all())

    def stored() -> int:
        with database.read() as session:
            return len(walk(session, version, direction, 0)[1])

    assert bare() == stored() == edges
    sql, function = _median(bare), _median(stored)
    engine.dispose()
    goal = GOALS[which]
    return [
        Figure(f"{title}: bare recursive SQL", sql, "ms"),
        Figure(f"{title}: the store's function", function, "ms", goal, at_most=True),
        Figure(f"{title}: the store's function to bare SQL", function / sql, "x", TIMES_BARE_SQL, at_most=True),
        Figure(f"{title}: GetLineage, names", _through_api(registry, name, direction), "ms", goal, at_most=True),
    ]


def _through_api(registry: Registry, name: str, direction: str) -> float:
    """Not a number where the server gave no answer in time, or none that fits one message."""
    number = version_pb2.LineageDirection.Value(f"LINEAGE_DIRECTION_{direction.upper()}")
    basic = version_pb2.VERSION_VIEW_BASIC
    request = version_pb2.GetLineageRequest(name=name, direction=number, view=basic)
    try:
        return _median(lambda: registry.client.versions.GetLineage(request, timeout=API_SECONDS))
    except SpiritsafeError:
        return float("nan")


def _median(act: Callable[[], object]) -> float:
    """Milliseconds, after one call that is not counted."""
    act()
    times = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        act()
        times.append((time.perf_counter() - start) * 1000)
    return statistics.median(times)


def _plant(made: Template, slug: str, versions: int, parent: Callable[[int], int]) -> None:
    """A model whose versions are fine-tunes of each other; version 1 has no parent."""
    descent = _Descent(made.cloner.finish, parent, last=parent(versions))
    made.cloner.finish = descent
    made.cloner.start()
    with made.cloner.writer() as write:
        made.copy(slug, versions, lambda _number: _TAGS, write)
        for number in range(2, versions + 1):
            ids = {"child_id": descent.ids[number], "parent_id": descent.ids[parent(number)]}
            write("edges", made.cloner.numbered("edges", {"type": EdgeType.FINETUNE.value, **ids}))
    made.cloner.finish = descent.before


_TAGS: Mapping[str, str] = dict.fromkeys(TEMPLATE_TAGS, "lineage")


class _Descent:
    """Gives each version the exposures that it inherits from its parent."""

    def __init__(self, before: Finish, parent: Callable[[int], int], last: int) -> None:
        self.before = before
        self.ids: dict[int, int] = {}
        self._parent = parent
        self._last = last
        self._exposures: dict[int, NodeExposures] = {}

    def __call__(self, table: str, row: Row) -> None:
        self.before(table, row)
        if table != "versions":
            return
        number = row["number"]
        links = [(EdgeType.FINETUNE, self._exposures[self._parent(number)])] if number > 1 else []
        inherited = inherit(str(row["id"]), None, links)
        self.ids[number] = row["id"]
        if number <= self._last:
            self._exposures[number] = inherited
        row["exposures"] = inherited.to_json()
