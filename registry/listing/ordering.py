"""The order of a list (``order_by`` of AIP-132), and going on in it after the last row of a page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Select, and_, or_

from registry.errors import invalid
from registry.listing.fields import Column
from registry.listing.paging import Key, Page

QueryT = TypeVar("QueryT", bound=Select[Any])


@dataclass(frozen=True, slots=True)
class Sort:
    """One sort key. The column never is NULL; rows carry its value under ``attribute``."""

    attribute: str
    column: Column
    descending: bool = False


@dataclass(frozen=True, slots=True)
class Ordering:
    """Sort keys, of which the last one tells all rows apart."""

    sorts: tuple[Sort, ...]

    def page(self, query: QueryT, page: Page, size: int) -> QueryT:
        """The query for the rows of a page, ``size`` at most."""
        if page.after is not None:
            query = query.where(self._beyond(page.after))
        columns = [sort.column.desc() if sort.descending else sort.column.asc() for sort in self.sorts]
        return query.order_by(*columns).limit(size)

    def key(self, row: Any) -> Key:
        """What a page token keeps of a row."""
        return [getattr(row, sort.attribute) for sort in self.sorts]

    def _beyond(self, after: Sequence[Any]) -> ColumnElement[bool]:
        """Rows after the one with these values: beyond it in the first key, or equal there and beyond in the next."""
        alternatives = []
        for index, (sort, value) in enumerate(zip(self.sorts, after, strict=True)):
            equal = [each.column == known for each, known in zip(self.sorts[:index], after, strict=False)]
            further = sort.column < value if sort.descending else sort.column > value
            alternatives.append(and_(*equal, further))
        return or_(*alternatives)


def read_order(text: str, columns: Mapping[str, Sort], default: Sequence[Sort], last: Sort) -> Ordering:
    """Reads ``order_by``: fields separated by commas, each with " desc" or none. ``last`` tells all rows apart.

    ``last`` runs the way of the key before it, so that newest first is so for rows of one moment too. Raises
    InvalidArgument for a field that is not listed, or listed twice.
    """
    sorts = [_sort(part, columns) for part in text.split(",")] if text.strip() else list(default)
    names = [sort.attribute for sort in sorts]
    if len(set(names)) < len(names):
        raise _bad("names a field twice", columns)
    if last.attribute not in names:
        sorts.append(Sort(last.attribute, last.column, sorts[-1].descending if sorts else last.descending))
    return Ordering(tuple(sorts))


def _sort(part: str, columns: Mapping[str, Sort]) -> Sort:
    words = part.split()
    if not words or words[1:] not in ([], ["asc"], ["desc"]):
        raise _bad(f"has no field at {part.strip()!r}", columns)
    if words[0] not in columns:
        raise _bad(f"cannot sort by {words[0]!r}", columns)
    sort = columns[words[0]]
    return Sort(sort.attribute, sort.column, words[1:] == ["desc"])


def _bad(problem: str, columns: Mapping[str, Sort]) -> Exception:
    remedy = f"fields are {', '.join(sorted(columns))}, for example: {min(columns)} desc"
    return invalid("order_by", problem, reason="INVALID_ORDER", remedy=remedy)
