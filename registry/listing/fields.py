"""The fields that a resource can be filtered by: which operators and values each takes, and what that is in SQL.

``!=`` is the exact opposite of ``=``: what has no value differs from every value. An order comparison with what has no
value does not hold.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

from sqlalchemy import ColumnElement, and_, false, func, not_, or_
from sqlalchemy.orm import InstrumentedAttribute, Mapped

from registry.listing.filters import And, Node, Not, Or, Restriction, bad, conjuncts, parse, restrictions
from registry.wire import EnumType, enum_number

Column = Mapped[Any] | ColumnElement[Any] | InstrumentedAttribute[Any]
_ORDER: Mapping[str, Callable[[Any, Any], Any]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


class Field(Protocol):
    """One field of a resource."""

    def sql(self, restriction: Restriction) -> ColumnElement[bool]:
        """The condition. Raises InvalidArgument for an operator or value that the field does not take."""
        ...


@dataclass(frozen=True, slots=True)
class Text:
    """``=`` and ``!=`` compare the whole text, or its beginning where the value ends in ``*``.

    ``:`` finds a part of it, whatever the case.
    """

    column: Column

    def sql(self, restriction: Restriction) -> ColumnElement[bool]:
        value = restriction.value
        if restriction.operator == ":":
            lowered = func.lower(self.column)
            # Neither LIKE nor a function for positions means the same on every database.
            held = func.replace(lowered, func.lower(value), "") != lowered if value else self.column.is_not(None)
            return func.coalesce(held, false())
        found = self.column.is_not_distinct_from(value)
        if value.endswith("*"):
            found = func.coalesce(func.substr(self.column, 1, len(value) - 1), "") == value[:-1]
        return equality(restriction, found)


@dataclass(frozen=True, slots=True)
class Exact:
    """``=`` and ``!=`` on a column that always has a value, and an index."""

    column: Column

    def sql(self, restriction: Restriction) -> ColumnElement[bool]:
        return equality(restriction, self.column == restriction.value)


@dataclass(frozen=True, slots=True)
class Choice:
    """``=`` and ``!=`` with the values of an enum, in lower case and without their prefix."""

    column: Column
    enum: EnumType

    def sql(self, restriction: Restriction) -> ColumnElement[bool]:
        enum_number(self.enum, restriction.value, "filter")
        return equality(restriction, self.column == restriction.value)


@dataclass(frozen=True, slots=True)
class Flag:
    """``=`` and ``!=`` with true or false."""

    column: Column

    def sql(self, restriction: Restriction) -> ColumnElement[bool]:
        if restriction.value not in ("true", "false"):
            raise bad(f"{restriction.field} is true or false, not {restriction.value!r}")
        return equality(restriction, self.column.is_(restriction.value == "true"))


@dataclass(frozen=True, slots=True)
class Number:
    """Every comparison with a whole number."""

    column: Column

    def sql(self, restriction: Restriction) -> ColumnElement[bool]:
        try:
            value = int(restriction.value)
        except ValueError as error:
            raise bad(f"{restriction.field} is a whole number, not {restriction.value!r}") from error
        if abs(value) >= 1 << 63:
            raise bad(f"{restriction.field} is at most 64 bits long")
        return _compared(restriction, self.column, value)


@dataclass(frozen=True, slots=True)
class Time:
    """Every comparison with a time of RFC 3339; a day alone is its beginning in UTC. Columns are microseconds."""

    column: Column

    def sql(self, restriction: Restriction) -> ColumnElement[bool]:
        return _compared(restriction, self.column, time_value(restriction))


@dataclass(frozen=True, slots=True)
class Keyed:
    """A field with a key after the dot, such as `tags.team`: the text that ``column`` gives for the key."""

    column: Callable[[str], Column]

    def sql(self, restriction: Restriction) -> ColumnElement[bool]:
        return Text(self.column(restriction.key)).sql(restriction)


@dataclass(frozen=True, slots=True)
class Contains:
    """A field with several values: ``:`` and ``=`` find one among them, ``!=`` is the opposite."""

    holds: Callable[[Restriction], ColumnElement[bool]]

    def sql(self, restriction: Restriction) -> ColumnElement[bool]:
        found = self.holds(restriction)
        return found if restriction.operator == ":" else equality(restriction, found)


Fields = Mapping[str, Field]
"""By name as written; one that takes a key is listed with a dot: ``tags.``."""


def where(text: str, fields: Fields) -> list[ColumnElement[bool]]:
    """The conditions of a filter, all of which must hold. Raises InvalidArgument."""
    return [condition(term, fields) for term in conjuncts(check(parse(text), fields))]


def check(filter_: Node | None, fields: Mapping[str, object]) -> Node | None:
    """The filter itself. Raises InvalidArgument when it names another field."""
    for restriction in restrictions(filter_) if filter_ is not None else ():
        if field_name(restriction, fields) not in fields:
            known = ", ".join(f"{one}KEY" if one.endswith(".") else one for one in sorted(fields))
            raise bad(
                f"{restriction.field} cannot be filtered by (position {restriction.position}); the fields are {known}"
            )
    return filter_


def field_name(restriction: Restriction, fields: Mapping[str, object]) -> str:
    """Under what its field is listed."""
    keyed = f"{restriction.name}."
    return keyed if restriction.key and restriction.field not in fields and keyed in fields else restriction.field


def condition(filter_: Node, fields: Fields) -> ColumnElement[bool]:
    """The SQL form of a checked filter."""
    if isinstance(filter_, Restriction):
        return fields[field_name(filter_, fields)].sql(filter_)
    if isinstance(filter_, Not):
        return not_(condition(filter_.term, fields))
    joined = and_ if isinstance(filter_, And) else or_
    return joined(*(condition(term, fields) for term in filter_.terms))


def holds(filter_: Node, matches: Callable[[Restriction], bool]) -> bool:
    """Whether a filter holds of something that is no row; ``matches`` answers for one comparison."""
    if isinstance(filter_, Restriction):
        return matches(filter_)
    if isinstance(filter_, Not):
        return not holds(filter_.term, matches)
    combine = any if isinstance(filter_, Or) else all
    return combine(holds(term, matches) for term in filter_.terms)


def equality(restriction: Restriction, found: ColumnElement[bool]) -> ColumnElement[bool]:
    """``found`` or its opposite. Raises InvalidArgument for any operator but ``=`` and ``!=``."""
    return found if is_equal(restriction) else not_(found)


def is_equal(restriction: Restriction) -> bool:
    """True for ``=``, False for ``!=``. Raises InvalidArgument for any other operator."""
    if restriction.operator not in ("=", "!="):
        raise bad(f"{restriction.field} does not take {restriction.operator} (position {restriction.position})")
    return restriction.operator == "="


def time_value(restriction: Restriction) -> int:
    """Microseconds since the epoch. Raises InvalidArgument."""
    try:
        time = datetime.fromisoformat(restriction.value)
    except ValueError as error:
        example = "for example 2026-11-30T12:00:00Z"
        raise bad(f"{restriction.field} is a time, {example}, not {restriction.value!r}") from error
    time = time if time.tzinfo else time.replace(tzinfo=UTC)
    return int(time.timestamp()) * 1_000_000 + time.microsecond


def _compared(restriction: Restriction, column: Column, value: int) -> ColumnElement[bool]:
    compare = _ORDER.get(restriction.operator)
    if compare is None:
        return equality(restriction, column.is_not_distinct_from(value))
    # Never NULL, or its opposite would not hold either.
    return func.coalesce(compare(column, value), false())
