"""The shipped catalogue of known models, datasets and services."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import cache
from importlib import resources
from types import MappingProxyType

from registry.licensing.entries import KnownEntry
from registry.licensing.entry_form import parse_entry

__all__ = ["load_entries", "upstream_licenses"]


@cache
def load_entries() -> Mapping[str, KnownEntry]:
    """All shipped entries by hub id, in the order of ids without regard to case."""
    found: dict[str, KnownEntry] = {}
    files = resources.files("registry.licensing").joinpath("data/catalog").iterdir()
    for file in (each for each in files if each.name.endswith(".json")):
        for position, entry in enumerate(json.loads(file.read_text(encoding="utf-8"))["entries"]):
            known = parse_entry(entry, position)
            found[known.hub_id] = known
    return MappingProxyType({hub_id: found[hub_id] for hub_id in sorted(found, key=str.casefold)})


def upstream_licenses(hub_id: str, find: Callable[[str], KnownEntry | None]) -> tuple[str, ...]:
    """The licences of everything that an entry was made from, nearest first, each once; `find` gives an id's entry.

    Raises:
        KeyError: the entry is not found.
    """
    entry = find(hub_id)
    if entry is None:
        raise KeyError(hub_id)
    found: dict[str, None] = {}
    waiting = [entry]
    seen = {entry.hub_id}
    for current in waiting:
        for parent in filter(None, (find(each.hub_id) for each in current.parents)):
            if parent.hub_id not in seen:
                seen.add(parent.hub_id)
                waiting.append(parent)
                found.update(dict.fromkeys(parent.licenses))
    return tuple(found)
