"""Lineage as a tree."""

from __future__ import annotations

import io
from typing import Any

from rich.console import Console

from cli.lineage import tree


def node(name: str) -> dict[str, Any]:
    full = f"namespaces/default/models/{name}/versions/1"
    return {"name": full, "public_name": f"acme/{name}", "licenses": ["mit"], "stand_in": False, "deployable": []}


def edge(child: str, kind: str, parent: str) -> dict[str, str]:
    return {"child": node(child)["name"], "type": kind, "parent": node(parent)["name"]}


def drawn(*edges: dict[str, str]) -> list[str]:
    text = io.StringIO()
    data = {"nodes": [node(name) for name in ("student", "base", "adapter", "teacher")], "edges": list(edges)}
    Console(file=text, width=100).print(tree(data))
    return text.getvalue().splitlines()


def test_a_diamond_is_drawn_once() -> None:
    lines = drawn(
        edge("student", "merge", "adapter"), edge("student", "merge", "base"), edge("adapter", "adapter", "base")
    )
    assert lines == [
        "student@1 acme/student (mit)",
        "├── merge adapter@1 acme/adapter (mit)",
        "│   └── adapter base@1",
        "└── merge base@1 acme/base (mit)",
    ]


def test_edges_without_effect_come_last_and_hide_nothing() -> None:
    lines = drawn(
        edge("student", "evaluated_against", "teacher"),
        edge("student", "merge", "base"),
        edge("base", "distill_outputs", "teacher"),
    )
    assert lines == [
        "student@1 acme/student (mit)",
        "├── merge base@1 acme/base (mit)",
        "│   └── distill_outputs teacher@1 acme/teacher (mit)",
        "└── evaluated_against teacher@1",
    ]
