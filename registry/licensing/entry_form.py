"""The written form of catalogue entries: reading it with errors that name entry and field, and writing it. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from enum import StrEnum
from itertools import pairwise
from typing import Any, TypeVar

from registry.licensing.entries import (
    PART_SEPARATOR,
    Confidence,
    DatasetPart,
    Fact,
    KnownDataset,
    KnownEntry,
    KnownModel,
    KnownService,
    LineageCompleteness,
    Parent,
)
from registry.licensing.vocabulary import DISTILLATION_EDGES, WEIGHTS_EDGES, EdgeType, NodeKind

_E = TypeVar("_E", bound=StrEnum)

_HUB_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*/[A-Za-z0-9][A-Za-z0-9._+-]*")
_PART = re.compile(r"[a-z0-9][a-z0-9.-]*")
_COMMON = frozenset(
    {"kind", "hub_id", "display_name", "licenses", "lineage_completeness", "facts", "notes"},
)
_OWN = {
    NodeKind.MODEL: frozenset({"base", "base_family", "multimodal"}),
    NodeKind.DATASET: frozenset({"generated_by", "derived_from", "parts"}),
    NodeKind.SERVICE: frozenset[str](),
}
_FACT_FIELDS = frozenset({"source", "as_of", "confidence"})
_PART_FIELDS = frozenset({"name", "rows", "generated_by"})
_NAMES_PARENTS = ("base", "generated_by", "derived_from", "parts")
MAX_TEXT_LENGTH = 4_096
MAX_ITEMS = 1_000
_BASE_EDGES = WEIGHTS_EDGES | DISTILLATION_EDGES


class EntryError(ValueError):
    """An entry is malformed or does not fit the others. The message names the entry, the field and the remedy."""

    def __init__(self, entry: str, field: str, problem: str) -> None:
        super().__init__(f"entry {entry}: {field} {problem}")
        self.entry = entry
        self.field = field
        self.problem = problem


def parse_entry(value: object, position: int = 0) -> KnownEntry:
    """Validates one entry by itself; `check_links` looks at what it refers to.

    `position` names an entry that has no id of its own yet.

    Raises:
        EntryError: a missing, unknown or malformed field.
    """
    raw = _Reader(value, f"[{position}]")
    hub_id = raw.hub_id("hub_id")
    raw = _Reader(value, hub_id)
    kind = raw.member(NodeKind, "kind")
    raw.check_fields(_COMMON | _OWN[kind], required={"kind", "hub_id", "licenses", "facts"})
    entry = _BUILDERS[kind](raw, _common(raw, hub_id))
    _check_facts(entry, raw)
    return entry


def to_document(entry: KnownEntry) -> dict[str, Any]:
    """The written form of an entry; `parse_entry` reads it back to the same."""
    return {
        "kind": entry.kind.value,
        "hub_id": entry.hub_id,
        "display_name": entry.display_name,
        "licenses": list(entry.licenses),
        **_own_document(entry),
        "lineage_completeness": entry.lineage_completeness.value,
        "facts": {
            name: {"source": fact.source, "as_of": fact.as_of, "confidence": fact.confidence.value}
            for name, fact in entry.facts.items()
        },
        **({"notes": entry.notes} if entry.notes else {}),
    }


def _own_document(entry: KnownEntry) -> dict[str, Any]:
    if isinstance(entry, KnownModel):
        base = {"hub_id": entry.base.hub_id, "edge": entry.base.edge.value} if entry.base else None
        return {"base": base, "base_family": entry.base_family, "multimodal": entry.multimodal}
    if isinstance(entry, KnownDataset):
        parts = [
            {
                "name": part.name,
                "rows": {"first": part.first_row, "last": part.last_row},
                "generated_by": list(part.generated_by),
            }
            for part in entry.parts
        ]
        return {
            "generated_by": list(entry.generated_by),
            **({"derived_from": list(entry.derived_from)} if entry.derived_from else {}),
            **({"parts": parts} if parts else {}),
        }
    return {}


class _Reader:
    """An object of the written form; errors name the entry and the full field."""

    def __init__(self, value: object, entry: str, prefix: str = "") -> None:
        self.entry = entry
        self.prefix = prefix
        if not isinstance(value, Mapping):
            raise EntryError(entry, prefix or "itself", "must be an object")
        self.value: Mapping[str, Any] = value

    def error(self, field: str, problem: str) -> EntryError:
        return EntryError(self.entry, f"{self.prefix}.{field}" if self.prefix else field, problem)

    def check_fields(self, known: Iterable[str], *, required: Iterable[str]) -> None:
        """Refuses what is missing, and what is misspelt: that would silently drop a fact."""
        if missing := sorted(set(required) - set(self.value)):
            raise self.error(missing[0], "is missing")
        if unknown := sorted(set(self.value) - set(known)):
            raise self.error(unknown[0], f"is no field of it; the fields are: {', '.join(sorted(known))}")

    def text(self, field: str, default: str | None = None) -> str:
        """One line. Without a default it must not be empty."""
        value = self.value.get(field)
        if value is None and default is not None:
            return default
        if not isinstance(value, str) or "\n" in value or (default is None and not value.strip()):
            raise self.error(field, "must be one line of text")
        if len(value) > MAX_TEXT_LENGTH:
            raise self.error(field, f"is {len(value)} characters long; at most {MAX_TEXT_LENGTH} are kept")
        return value

    def optional_text(self, field: str) -> str | None:
        return self.text(field) if self.value.get(field) is not None else None

    def flag(self, field: str) -> bool:
        value = self.value.get(field, False)
        if not isinstance(value, bool):
            raise self.error(field, "must be true or false")
        return value

    def number(self, field: str) -> int:
        value = self.value.get(field)
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            raise self.error(field, "must be a whole number from 0 on")
        return value

    def member(self, kind: type[_E], field: str, default: _E | None = None) -> _E:
        value = self.value.get(field)
        if value is None and default is not None:
            return default
        try:
            return kind(value)  # type: ignore[arg-type]  # the constructor is the check
        except ValueError:
            raise self.error(field, f"is {value!r}; use one of: {', '.join(kind)}") from None

    def hub_id(self, field: str) -> str:
        value = self.text(field)
        if not _HUB_ID.fullmatch(value):
            raise self.error(field, f"is {value!r}; write ORGANISATION/REPOSITORY")
        return value

    def list(self, field: str) -> Sequence[Any]:
        value = self.value.get(field, [])
        if not isinstance(value, (list, tuple)):
            raise self.error(field, "must be a list")
        if len(value) > MAX_ITEMS:
            raise self.error(field, f"has {len(value)} items; at most {MAX_ITEMS} are kept")
        return value

    def texts(self, field: str) -> tuple[str, ...]:
        value = self.list(field)
        if not all(isinstance(each, str) and each.strip() for each in value) or len(set(value)) != len(value):
            raise self.error(field, "must be a list of different texts")
        return tuple(value)

    def hub_ids(self, field: str, *, parts: bool = False) -> tuple[str, ...]:
        """Different ids; with `parts` also of parts of datasets."""
        values = self.texts(field)
        for position, value in enumerate(values):
            whole, separator, part = value.partition(PART_SEPARATOR)
            if not _HUB_ID.fullmatch(whole) or (separator and not (parts and _PART.fullmatch(part))):
                form = f"ORGANISATION/REPOSITORY{', with #PART for a part' if parts else ''}"
                raise self.error(f"{field}[{position}]", f"is {value!r}; write {form}")
        return values

    def inner(self, field: str) -> _Reader:
        return _Reader(self.value.get(field), self.entry, f"{self.prefix}.{field}" if self.prefix else field)


def _common(raw: _Reader, hub_id: str) -> dict[str, Any]:
    licenses = raw.texts("licenses")
    if not licenses:
        raise raw.error("licenses", "is empty; write unknown where nothing is known")
    return {
        "hub_id": hub_id,
        "display_name": raw.text("display_name", "") or hub_id.partition("/")[2],
        "licenses": licenses,
        "facts": _facts(raw.inner("facts")),
        "notes": raw.text("notes", ""),
    }


def _facts(raw: _Reader) -> dict[str, Fact]:
    found = {}
    for name in raw.value:
        inner = raw.inner(name)
        inner.check_fields(_FACT_FIELDS, required=_FACT_FIELDS)
        source, as_of = inner.text("source"), inner.text("as_of")
        try:
            date.fromisoformat(as_of)
        except ValueError:
            raise inner.error("as_of", f"is {as_of!r}; write the day as YYYY-MM-DD") from None
        found[name] = Fact(source, as_of, inner.member(Confidence, "confidence"))
    return found


def _model(raw: _Reader, common: dict[str, Any]) -> KnownModel:
    base = None
    if raw.value.get("base") is not None:
        inner = raw.inner("base")
        inner.check_fields({"hub_id", "edge"}, required={"hub_id", "edge"})
        edge = inner.member(EdgeType, "edge")
        if edge not in _BASE_EDGES:
            raise inner.error("edge", f"is {edge.value!r}; use one of: {', '.join(sorted(_BASE_EDGES))}")
        base = Parent(inner.hub_id("hub_id"), edge)
    return KnownModel(
        **common,
        lineage_completeness=_completeness(raw, has_parents=base is not None),
        base=base,
        base_family=raw.optional_text("base_family"),
        multimodal=raw.flag("multimodal"),
    )


def _dataset(raw: _Reader, common: dict[str, Any]) -> KnownDataset:
    generated_by, derived_from = raw.hub_ids("generated_by"), raw.hub_ids("derived_from", parts=True)
    return KnownDataset(
        **common,
        lineage_completeness=_completeness(raw, has_parents=bool(generated_by or derived_from)),
        generated_by=generated_by,
        derived_from=derived_from,
        parts=_parts(raw, generated_by),
    )


def _service(raw: _Reader, common: dict[str, Any]) -> KnownService:
    return KnownService(**common, lineage_completeness=_completeness(raw, has_parents=False))


_BUILDERS: Mapping[NodeKind, Callable[[_Reader, dict[str, Any]], KnownEntry]] = {
    NodeKind.MODEL: _model,
    NodeKind.DATASET: _dataset,
    NodeKind.SERVICE: _service,
}


def _completeness(raw: _Reader, *, has_parents: bool) -> LineageCompleteness:
    default = LineageCompleteness.PARTIAL if has_parents else LineageCompleteness.ROOT
    found = raw.member(LineageCompleteness, "lineage_completeness", default)
    if found is LineageCompleteness.ROOT and has_parents:
        raise raw.error("lineage_completeness", "is 'root', but parents are named; use complete or partial")
    return found


def _parts(raw: _Reader, generated_by: Sequence[str]) -> tuple[DatasetPart, ...]:
    parts = [_part(_Reader(each, raw.entry, f"parts[{i}]"), generated_by) for i, each in enumerate(raw.list("parts"))]
    if len({part.name for part in parts}) != len(parts):
        raise raw.error("parts", "name a part twice")
    for before, after in pairwise(sorted(parts, key=lambda part: part.first_row)):
        if after.first_row <= before.last_row:
            raise raw.error("parts", f"overlap: {before.name} and {after.name} share row {after.first_row}")
    return tuple(parts)


def _part(raw: _Reader, generated_by: Sequence[str]) -> DatasetPart:
    raw.check_fields(_PART_FIELDS, required=_PART_FIELDS)
    name, rows, writers = raw.text("name"), raw.inner("rows"), raw.hub_ids("generated_by")
    if not _PART.fullmatch(name):
        raise raw.error("name", f"is {name!r}; use lower-case letters, digits, '.' and '-'")
    rows.check_fields({"first", "last"}, required={"first", "last"})
    first, last = rows.number("first"), rows.number("last")
    if last < first:
        raise rows.error("last", f"is {last}, before the first row {first}")
    if strangers := [each for each in writers if each not in generated_by]:
        raise raw.error("generated_by", f"names {strangers[0]!r}, which the dataset's generated_by does not")
    return DatasetPart(name, first, last, writers)


def _check_facts(entry: KnownEntry, raw: _Reader) -> None:
    """Every fact has its source, date and confidence, and nothing else has."""
    needed = ["hub_id", "licenses", *(name for name in _NAMES_PARENTS if getattr(entry, name, None))]
    facts = raw.inner("facts")
    for name in needed:
        if name not in entry.facts:
            raise facts.error(name, "is missing: say source, as_of and confidence of that field")
    if strangers := sorted(set(entry.facts) - set(needed)):
        raise facts.error(strangers[0], "is about a field that the entry does not state")
