"""Finding versions: what they can be filtered and sorted by, read as columns and not as objects.

A page costs the same wherever it is. The rows of one model come by its index of numbers, those of many models by their
ids, which grow with time; a search for what few versions have starts from these.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy
from sqlalchemy import JSON, ColumnElement, Select, func
from sqlalchemy.orm import aliased
from sqlmodel import Session, col

from registry.context import Registry
from registry.decisions.evaluation import deployable_rows
from registry.identity.access import ALL
from registry.listing.fields import (
    Choice,
    Column,
    Contains,
    Exact,
    Field,
    Flag,
    Keyed,
    Number,
    Text,
    Time,
    check,
    condition,
    equality,
    holds,
    is_equal,
)
from registry.listing.filters import Node as Filter
from registry.listing.filters import Restriction, bad, conjuncts, parse, restrictions
from registry.listing.ordering import Ordering, Sort, read_order
from registry.listing.paging import Page
from registry.storage.lookup import alive, among, get_node, id_list
from registry.storage.search_terms import collection_term, license_term, tag_term
from registry.storage.tables import Channel, File, Node, Version, VersionTerm
from registry.wire import enum_number, enum_text
from spiritsafe.registry.v1 import licensing_pb2, version_pb2
from spiritsafe.rpc.caller import current_caller
from spiritsafe.rpc.names import NodeName

# Rows that one call looks at when a filter asks for verdicts: a page may then be short, but never slow.
SCAN_LIMIT = 200
# A condition that fewer versions fulfil is where a search starts.
RARE = 1_000
# As far as they are counted, to know the rarest of several conditions.
COUNTED = 10_000
_DEPLOYABLE = "deployable."
_LEFT_OUT = ("exposures", "weight_families", "delete_time", "purge_time")
_COLUMNS: list[Any] = [
    # Documents as they are stored: a list shows hundreds, most of them alike.
    *(
        sqlalchemy.cast(column, sqlalchemy.Text).label(column.key) if isinstance(column.type, JSON) else column
        for column in sqlalchemy.inspect(Version).columns
        if column.key not in _LEFT_OUT
    ),
    # Deleted by itself, or with its model or dataset.
    *(func.coalesce(getattr(Version, name), getattr(Node, name)).label(name) for name in ("delete_time", "purge_time")),
    *(col(getattr(Node, name)) for name in ("namespace", "collection", "slug", "display_name")),
]
_ROWS = sqlalchemy.select(*_COLUMNS).join(Node, col(Version.node_id) == Node.id)
# A message reads thirty attributes, which cost a tenth of those of the database library's rows.
VersionRow: Any = namedtuple("VersionRow", [column.key for column in _COLUMNS])  # type: ignore[misc] # as the table has
_ID, _NUMBER = Sort("id", col(Version.id)), Sort("number", col(Version.number), descending=True)
_SORTS = {
    "create_time": Sort("create_time", col(Version.create_time)),
    "number": _NUMBER,
}


@dataclass(frozen=True, slots=True)
class _Start:
    """The ids that a condition allows, from an index; ``term`` where it is the index of terms."""

    ids: Select[Any]
    term: int | None = None


@dataclass(frozen=True, slots=True)
class _Plan:
    """A filter in its parts: what the database answers, what a search can start from, and verdicts."""

    conditions: Sequence[ColumnElement[bool]]
    starts: Sequence[_Start]
    verdicts: Sequence[Filter]


def list_page(
    session: Session,
    registry: Registry,
    parent: NodeName,
    page: Page,
    text: str,
    order_by: str = "",
    *,
    show_deleted: bool = False,
) -> tuple[Sequence[Any], str]:
    """Versions newest first or as told, with the next page token; ``ALL`` stands for all models, or namespaces.

    A ``VersionRow`` has a version's columns but its exposures, and its model's namespace, collection, slug and
    display_name. A condition on `deployable` holds for finalized versions only; with one, a page may be short although
    more follow.
    """
    plan = _plan(text)
    query, ordering = _from(session, parent, plan, _ordering(order_by, parent))
    query = query.where(*plan.conditions, *([] if show_deleted else alive()))
    if not plan.verdicts:
        return page.cut(_rows(session, ordering.page(query, page, page.size + 1)), ordering.key)
    query = query.where(col(Version.state) == "ready")
    rows = _rows(session, ordering.page(query, page, SCAN_LIMIT + 1))
    known = deployable_rows(session, registry, rows[:SCAN_LIMIT])
    return page.cut_matching(rows, SCAN_LIMIT, ordering.key, lambda row: _has_verdicts(known[row.id], plan.verdicts))


def _rows(session: Session, query: Select[*tuple[Any, ...]]) -> list[Any]:
    # By the connection: the session would look for objects in each row.
    return list(map(VersionRow._make, session.connection().execute(query)))


def _ordering(order_by: str, parent: NodeName) -> Ordering:
    if order_by or parent.id == ALL:
        # Ids are given in the order of creation.
        newest = Sort("id", col(Version.id), descending=True)
        return read_order(order_by, _SORTS, [newest], _ID)
    return Ordering((_NUMBER,))


def _plan(text: str) -> _Plan:
    starts, conditions, verdicts = [], [], []
    for each in conjuncts(check(parse(text), {**_FIELDS, _DEPLOYABLE: None})):
        asked = [restriction.name == "deployable" for restriction in restrictions(each)]
        if not any(asked):
            conditions.append(condition(each, _FIELDS))
        elif all(asked):
            verdicts.append(_checked(each))
        else:
            raise bad("conditions on deployable cannot be joined with others by OR or NOT")
        if isinstance(each, Restriction):
            starts += _start(each)
    return _Plan(conditions, starts, verdicts)


def _start(restriction: Restriction) -> list[_Start]:
    """What the condition allows, where an index gives it."""
    equal, value = restriction.operator == "=", restriction.value
    if restriction.name == "tags" and restriction.key and equal and not value.endswith("*"):
        return [_with_term(tag_term(restriction.key, value))]
    if restriction.field == "licenses" and restriction.operator in "=:":
        return [_with_term(license_term(value))]
    if restriction.field == "digest" and equal:
        return [_Start(sqlalchemy.select(col(Version.id)).where(col(Version.digest) == value))]
    if restriction.field == "files.sha256" and restriction.operator in "=:":
        return [_Start(sqlalchemy.select(col(File.version_id)).where(col(File.sha256) == value))]
    if restriction.field == "channel" and restriction.operator in "=:":
        return [_Start(_held(value))]
    return []


def _with_term(term: int) -> _Start:
    return _Start(sqlalchemy.select(col(VersionTerm.version_id)).where(col(VersionTerm.term) == term), term)


def _rarest(session: Session, starts: Sequence[_Start]) -> tuple[int, _Start | None]:
    """What allows the fewest versions, with their number as far as it was counted."""
    if not starts:
        return COUNTED, None
    counts = (
        sqlalchemy.select(func.count()).select_from(start.ids.limit(COUNTED).subquery()).scalar_subquery()
        for start in starts
    )
    sizes = session.execute(sqlalchemy.select(*counts)).one()
    return min(zip(sizes, starts, strict=True), key=lambda found: int(found[0]))


def _from(
    session: Session, parent: NodeName, plan: _Plan, ordering: Ordering
) -> tuple[Select[*tuple[Any, ...]], Ordering]:
    """Starts from few candidates where there are some, else from what an index gives in the order that is asked for."""
    node_id = get_node(session, parent, "parent", deleted=True).id if parent.id != ALL else None
    size, rarest = _rarest(session, plan.starts)
    if rarest is not None and size < RARE:
        candidates = session.execute(rarest.ids).scalars().all()
        return _among(candidates, parent, node_id), Ordering(tuple(map(_without_index, ordering.sorts)))
    if node_id is not None:
        return _ROWS.where(col(Version.node_id) == node_id), ordering
    if ordering.sorts[0].attribute == "id":
        return _by_term(parent, rarest.term if rarest else None, ordering)
    return _ROWS.where(_has_term(*_homes(parent))), ordering


def _by_term(parent: NodeName, term: int | None, ordering: Ordering) -> tuple[Select[*tuple[Any, ...]], Ordering]:
    """By the index of terms, which is in the order of ids: a page ends after as many rows as it has."""
    homes = _homes(parent)
    if term is None:
        term = homes[0] if len(homes) == 1 else collection_term(parent.collection)
    start = aliased(VersionTerm)
    query = _ROWS.join(start, (col(start.version_id) == Version.id) & (col(start.term) == term))
    if homes != [term]:
        query = query.where(_has_term(*homes))
    return query, Ordering((Sort("id", col(start.version_id), ordering.sorts[0].descending),))


def _among(candidates: Iterable[int], parent: NodeName, node_id: int | None) -> Select[*tuple[Any, ...]]:
    # Not by the columns of nodes: a planner would start from all that a namespace holds.
    home = _has_term(*_homes(parent)) if node_id is None else col(Version.node_id) + 0 == node_id
    return _ROWS.where(among(col(Version.id), "ids"), home).params(ids=id_list(candidates))


def _without_index(sort: Sort) -> Sort:
    """So that a planner looks the candidates up, instead of walking an index until it has met enough of them."""
    return Sort(sort.attribute, sort.column + 0, sort.descending)


def _homes(parent: NodeName) -> list[int]:
    """The terms of the namespaces that are meant, and that the caller may see."""
    namespaces = [parent.namespace] if parent.namespace != ALL else sorted(current_caller().namespaces)
    return [collection_term(parent.collection, namespace) for namespace in namespaces or [""]]


def _checked(filter_: Filter) -> Filter:
    for restriction in restrictions(filter_):
        enum_number(licensing_pb2.Context, restriction.key, "filter")
        enum_number(licensing_pb2.Verdict, restriction.value, "filter")
        is_equal(restriction)
    return filter_


def _has_verdicts(known: Sequence[licensing_pb2.ContextVerdict], filters: Sequence[Filter]) -> bool:
    verdicts = {
        enum_text(licensing_pb2.Context, each.context): enum_text(licensing_pb2.Verdict, each.verdict) for each in known
    }

    def matches(restriction: Restriction) -> bool:
        return (verdicts.get(restriction.key) == restriction.value) == is_equal(restriction)

    return all(holds(each, matches) for each in filters)


class _Tags:
    """`tags.KEY`: an equal value is found by its term."""

    def sql(self, restriction: Restriction) -> ColumnElement[bool]:
        value: Column = col(Version.tags)[restriction.key].as_string()
        if restriction.operator not in ("=", "!=") or restriction.value.endswith("*"):
            return Keyed(lambda key: col(Version.tags)[key].as_string()).sql(restriction)
        # The tag itself as well: a term is a hash.
        found = _has_term(tag_term(restriction.key, restriction.value)) & (value == restriction.value)
        return equality(restriction, func.coalesce(found, sqlalchemy.false()))


def _has_term(*terms: int) -> ColumnElement[bool]:
    """Whether it has one of these."""
    held = aliased(VersionTerm)
    return sqlalchemy.exists().where(col(held.version_id) == Version.id, col(held.term).in_(terms))


def _has_tag(restriction: Restriction) -> ColumnElement[bool]:
    value: Column = col(Version.tags)[restriction.value].as_string()
    return value.is_not(None)


def _in_channel(restriction: Restriction) -> ColumnElement[bool]:
    return col(Version.id).in_(_held(restriction.value))


def _held(channel: str) -> Select[Any]:
    """The versions that channels of a name such as commercial/production hold. Raises InvalidArgument."""
    context, slash, stage = channel.partition("/")
    if not slash:
        raise bad(f"channel is CONTEXT/STAGE, for example commercial/production, not {channel!r}")
    enum_number(licensing_pb2.Context, context, "filter")
    held = sqlalchemy.select(col(Channel.version_id)).where(
        col(Channel.stage) == stage, col(Channel.context) == context
    )
    return held.where(col(Channel.version_id).is_not(None))


def _with_file(column: Any) -> Contains:
    def holding(restriction: Restriction) -> ColumnElement[bool]:
        return col(Version.id).in_(sqlalchemy.select(col(File.version_id)).where(column == restriction.value))

    return Contains(holding)


_FIELDS: dict[str, Field] = {
    "model": Text(col(Node.slug)),
    "dataset": Text(col(Node.slug)),
    "display_name": Text(col(Node.display_name)),
    "kind": Choice(col(Version.kind), version_pb2.VersionKind),
    "state": Choice(col(Version.state), version_pb2.VersionState),
    "stand_in": Flag(col(Version.stand_in)),
    "imported": Flag(col(Version.imported)),
    "multimodal": Flag(col(Version.multimodal)),
    "number": Number(col(Version.number)),
    "description": Text(col(Version.description)),
    "digest": Exact(col(Version.digest)),
    "base_family": Text(col(Version.base_family)),
    "source.hub_repo": Text(col(Version.source_repo)),
    "creator": Text(col(Version.creator)),
    "create_time": Time(col(Version.create_time)),
    "finalize_time": Time(col(Version.finalize_time)),
    "tags": Contains(_has_tag),
    "tags.": _Tags(),
    "licenses": Contains(lambda restriction: _has_term(license_term(restriction.value))),
    "channel": Contains(_in_channel),
    "files.sha256": _with_file(col(File.sha256)),
    "files.path": _with_file(col(File.path)),
}
