"""The shipped catalogue of known models, datasets and services."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import TypeVar

from registry.licensing.entries import (
    Confidence,
    KnownDataset,
    KnownEntry,
    KnownModel,
    KnownService,
    LineageCompleteness,
    by_folded_id,
    find_in,
)
from registry.licensing.entry_form import parse_entry

__all__ = [
    "Confidence",
    "KnownDataset",
    "KnownEntry",
    "KnownModel",
    "KnownService",
    "LineageCompleteness",
    "find_dataset",
    "find_entry",
    "find_model",
    "load_datasets",
    "load_entries",
    "load_models",
    "load_services",
    "upstream_licenses",
]

_EntryT = TypeVar("_EntryT", bound=KnownEntry)


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


@cache
def load_models() -> Mapping[str, KnownModel]:
    """The shipped models by hub id."""
    return _of_type(KnownModel)


@cache
def load_datasets() -> Mapping[str, KnownDataset]:
    """The shipped datasets by hub id; a part of one is found as `HUB_ID#PART`, not listed."""
    return _of_type(KnownDataset)


@cache
def load_services() -> Mapping[str, KnownService]:
    """The shipped services by id."""
    return _of_type(KnownService)


def find_entry(hub_id: str) -> KnownEntry | None:
    """The shipped entry of an id, matched without regard to case; None when there is none."""
    return find_in(_by_folded_id(), hub_id)


def find_model(hub_id: str) -> KnownModel | None:
    """The shipped entry of a model, matched without regard to case; None when the catalogue does not know it."""
    entry = find_entry(hub_id)
    return entry if isinstance(entry, KnownModel) else None


def find_dataset(hub_id: str) -> KnownDataset | None:
    """The shipped entry of a dataset, matched without regard to case; None when the catalogue does not know it.

    `HUB_ID#PART` gives the part alone, with the generators of its rows.
    """
    entry = find_entry(hub_id)
    return entry if isinstance(entry, KnownDataset) else None


def upstream_licenses(hub_id: str, find: Callable[[str], KnownEntry | None] = find_entry) -> tuple[str, ...]:
    """The licences of everything that an entry was made from, nearest first, each once.

    Raises:
        KeyError: the catalogue does not know the entry.
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


@cache
def _by_folded_id() -> Mapping[str, KnownEntry]:
    return MappingProxyType(by_folded_id(list(load_entries().values())))


def _of_type(kind: type[_EntryT]) -> Mapping[str, _EntryT]:
    return MappingProxyType({key: each for key, each in load_entries().items() if isinstance(each, kind)})
