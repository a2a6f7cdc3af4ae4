"""Large what-if scenarios, for tests of speed and for the benchmarks."""

from __future__ import annotations

from random import Random
from typing import Any

from registry.licensing import EdgeType

HELD = ("apache-2.0", "cc-by-nc-4.0", "llama3", "deepseek-model-1.0")


def diamonds(depth: int) -> dict[str, Any]:
    """A chain of diamonds over weights edges: 2^depth paths."""
    nodes: list[dict[str, Any]] = [{"id": "n0", "kind": "model", "licenses": ["cc-by-nc-4.0"]}]
    edges: list[dict[str, str]] = []
    for level in range(1, depth + 1):
        for side in (f"a{level}", f"b{level}"):
            nodes.append({"id": side, "kind": "model", "licenses": ["apache-2.0"]})
            edges.append({"child": side, "type": "finetune", "parent": f"n{level - 1}"})
            edges.append({"child": f"n{level}", "type": "merge", "parent": side})
        nodes.append({"id": f"n{level}", "kind": "model", "licenses": ["apache-2.0"]})
    return {"nodes": nodes, "edges": edges, "subject": f"n{depth}"}


def random_lineage(count: int, parents: int, seed: int = 1) -> dict[str, Any]:
    """Models each of which has so many edges, of any type, to models before it."""
    random = Random(seed)
    nodes = [{"id": f"n{i}", "kind": "model", "licenses": random.sample(HELD, 1)} for i in range(count)]
    edges = [
        {"child": f"n{child}", "type": random.choice(list(EdgeType)).value, "parent": f"n{random.randrange(child)}"}
        for child in range(1, count)
        for _ in range(parents)
    ]
    return {"nodes": nodes, "edges": edges, "subject": f"n{count - 1}"}
