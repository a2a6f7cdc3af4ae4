"""The shipped catalogue by kind, and its entries found without regard to case."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import TypeVar

from registry.licensing import KnownDataset, KnownEntry, KnownModel, KnownService, load_entries
from registry.licensing.entries import by_folded_id, find_in

_EntryT = TypeVar("_EntryT", bound=KnownEntry)


def load_models() -> Mapping[str, KnownModel]:
    return _of_type(KnownModel)


def load_datasets() -> Mapping[str, KnownDataset]:
    """Without the parts of datasets: one is found as `HUB_ID#PART`."""
    return _of_type(KnownDataset)


def load_services() -> Mapping[str, KnownService]:
    return _of_type(KnownService)


def find_entry(hub_id: str) -> KnownEntry | None:
    return find_in(_by_folded_id(), hub_id)


def find_model(hub_id: str) -> KnownModel | None:
    entry = find_entry(hub_id)
    return entry if isinstance(entry, KnownModel) else None


def find_dataset(hub_id: str) -> KnownDataset | None:
    entry = find_entry(hub_id)
    return entry if isinstance(entry, KnownDataset) else None


@cache
def _by_folded_id() -> Mapping[str, KnownEntry]:
    return by_folded_id(list(load_entries().values()))


def _of_type(kind: type[_EntryT]) -> Mapping[str, _EntryT]:
    return {key: each for key, each in load_entries().items() if isinstance(each, kind)}
