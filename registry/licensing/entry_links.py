"""What catalogue entries refer to: licences with profiles, parents that exist and fit, no cycle. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from registry.licensing.entries import PART_SEPARATOR, KnownDataset, KnownEntry, KnownModel
from registry.licensing.entry_form import EntryError
from registry.licensing.vocabulary import NodeKind

Find = Callable[[str], KnownEntry | None]
_WRITERS = frozenset({NodeKind.MODEL, NodeKind.SERVICE})


def check_links(entry: KnownEntry, find: Find, is_license: Callable[[str], bool]) -> None:
    """Checks one entry against the catalogue that it is, or will be, part of; `find` looks up in that.

    Raises:
        EntryError: a licence without a profile, a parent that is missing or of the wrong kind, or a cycle.
    """
    for position, license_id in enumerate(entry.licenses):
        if not is_license(license_id):
            problem = f"is {license_id!r}, which has no profile; list the licences, or write unknown"
            raise EntryError(entry.hub_id, f"licenses[{position}]", problem)
    for field, parent_id, kinds in _references(entry):
        _check_parent(entry, field, find(parent_id), parent_id, kinds)
    if path := _cycle(entry, find):
        field = next(field for field, parent_id, _ in _references(entry) if parent_id.casefold() == path[1].casefold())
        raise EntryError(entry.hub_id, field, f"closes a cycle: {' -> '.join(path)}")


def children_of(hub_id: str, entries: Iterable[KnownEntry]) -> list[KnownEntry]:
    """The entries that were made from one, or from a part of it."""
    own = _whole(hub_id)
    return [entry for entry in entries if any(_whole(parent.hub_id) == own for parent in entry.parents)]


def _whole(hub_id: str) -> str:
    """The case-folded id of a dataset that a part belongs to; any other id itself, case-folded."""
    return hub_id.partition(PART_SEPARATOR)[0].casefold()


def _references(entry: KnownEntry) -> Iterator[tuple[str, str, frozenset[NodeKind]]]:
    """Field, id and possible kinds of each parent. Parts name no generators that the dataset does not."""
    if isinstance(entry, KnownModel) and entry.base:
        yield "base.hub_id", entry.base.hub_id, frozenset({NodeKind.MODEL})
    if isinstance(entry, KnownDataset):
        for position, each in enumerate(entry.generated_by):
            yield f"generated_by[{position}]", each, _WRITERS
        for position, each in enumerate(entry.derived_from):
            yield f"derived_from[{position}]", each, frozenset({NodeKind.DATASET})


def _check_parent(
    entry: KnownEntry, field: str, parent: KnownEntry | None, parent_id: str, kinds: frozenset[NodeKind]
) -> None:
    if parent is None:
        raise EntryError(
            entry.hub_id, field, f"is {parent_id!r}, which the catalogue does not know; give its entry too"
        )
    if parent.kind not in kinds:
        allowed = " or ".join(sorted(kinds))
        raise EntryError(entry.hub_id, field, f"is {parent_id!r}, which is a {parent.kind}; it must be a {allowed}")


def _cycle(entry: KnownEntry, find: Find) -> list[str]:
    """The ids from the entry back to itself; empty when no line of parents leads there."""
    own = _whole(entry.hub_id)
    paths = [[entry.hub_id, parent.hub_id] for parent in entry.parents]
    seen: set[str] = set()
    while paths:
        path = paths.pop()
        folded = _whole(path[-1])
        if folded == own:
            return path
        above = find(path[-1])
        if above is not None and folded not in seen:
            paths += [[*path, parent.hub_id] for parent in above.parents]
        seen.add(folded)
    return []
