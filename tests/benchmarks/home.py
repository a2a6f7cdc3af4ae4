"""A home with very many stored versions, written straight into its tables: through the API it would take hours."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from registry.home import DATABASE_FILE, open_home
from registry.licensing import EdgeType, NodeExposures, inherit
from spiritsafe.rpc.names import NodeName, VersionName

VERSIONS_A_MODEL = 10
USUAL_DEPTHS = (1, 2, 3, 4, 5)
BATCH = 20_000

_VERSION_COLUMNS = (
    *("id", "uid", "node_id", "number", "kind", "state", "description", "tags", "digest", "declared", "imported"),
    *("multimodal", "base_family", "source_repo", "source_revision", "lineage_completeness", "stand_in", "creator"),
    *("create_time", "finalize_time", "revision", "exposures", "weight_families"),
)
_NODE_COLUMNS = (
    *("id", "uid", "namespace", "collection", "slug", "display_name", "description", "tags", "latest_version"),
    *("creator", "create_time", "update_time", "revision"),
)


def fill(home: Path, versions: int, chains: Sequence[tuple[int, str]]) -> list[str]:
    """Fills a new home with at least so many versions, in fine-tuning chains of depth 1 to 5 and the chains asked for.

    Args:
        home: folder of the home; it must be new.
        versions: of which each is a row with the exposures that finalizing it would have stored.
        chains: depth and licence of the first version; the others declare apache-2.0.

    Returns:
        The name of the last version of each chain asked for.
    """
    open_home(home).database.close()
    with sqlite3.connect(home / DATABASE_FILE) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        rest = versions - sum(depth for depth, _ in chains)
        rows = _rows([*chains, *_usual(rest)])
        while batch := list(islice(rows, BATCH)):
            _insert(connection, "versions", _VERSION_COLUMNS, batch)
        count = connection.execute("SELECT max(id) FROM versions").fetchone()[0]
        _insert(connection, "nodes", _NODE_COLUMNS, (_node(each) for each in range(1, _node_id(count) + 1)))
        connection.execute("ANALYZE")
    last, names = 0, []
    for depth, _ in chains:
        last += depth
        names.append(str(VersionName(NodeName("default", "models", _slug(_node_id(last))), _number(last))))
    return names


def _usual(versions: int) -> Iterator[tuple[int, str]]:
    left = versions
    while left > 0:
        for depth in USUAL_DEPTHS:
            yield depth, "apache-2.0"
            left -= depth


def _rows(chains: Iterable[tuple[int, str]]) -> Iterator[tuple[Any, ...]]:
    templates: list[str] = []
    stored: NodeExposures | None = None
    version = 0
    for depth, first_license in chains:
        for position in range(depth):
            if position == len(templates):
                stored = inherit(_mark(position), None, [(EdgeType.FINETUNE, stored)] if stored else [])
                templates.append(json.dumps(stored.to_json()))
            version += 1
            yield _version(version, templates[position], position, first_license if position == 0 else "apache-2.0")


_MARK = re.compile(r"<(\d{3})>")


def _mark(position: int) -> str:
    return f"<{position:03}>"


def _version(version: int, template: str, position: int, license_id: str) -> tuple[Any, ...]:
    exposures = _MARK.sub(lambda mark: str(version - position + int(mark[1])), template)
    identity = f"{version:032x}"
    known = (json.dumps([license_id]), position == 0, False, "", "", "", "", False, "bench@example.com", 1, 1, 1)
    return (
        *(version, identity, _node_id(version), _number(version), "full", "ready", "", "{}", identity * 2),
        *known,
        *(exposures, "[]"),
    )


def _node(node: int) -> tuple[Any, ...]:
    identity = f"{node:032x}"
    named = (_slug(node), f"acme/{_slug(node)}", "", "{}", VERSIONS_A_MODEL)
    return (node, identity, "default", "models", *named, "bench@example.com", 1, 1, 1)


def _node_id(version: int) -> int:
    return (version - 1) // VERSIONS_A_MODEL + 1


def _number(version: int) -> int:
    return (version - 1) % VERSIONS_A_MODEL + 1


def _slug(node: int) -> str:
    return f"model-{node}"


def _insert(connection: sqlite3.Connection, table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    marks = ", ".join("?" * len(columns))
    connection.executemany(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})", rows)
