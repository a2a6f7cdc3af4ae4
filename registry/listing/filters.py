"""The filter language of all list methods: the part of https://google.aip.dev/160 that a database answers well.

    filter      = [ conjunction ]
    conjunction = disjunction { "AND" disjunction }
    disjunction = term { "OR" term }                      OR binds closer than AND, as in AIP-160
    term        = [ "NOT" | "-" ] ( restriction | "(" conjunction ")" )
    restriction = field operator value
    operator    = "=" | "!=" | "<" | "<=" | ">" | ">=" | ":"
    field       = name [ "." key ]                        a key that is no plain word stands in quotes
    value       = quoted text (backslash escapes) | bare word

Pure: what the fields of a resource are, and what their values mean, is in registry.listing.fields.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

from registry.errors import invalid
from spiritsafe.errors import InvalidArgument

MAX_LENGTH = 4_000
MAX_RESTRICTIONS = 50
MAX_DEPTH = 20

_TOKEN = re.compile(
    r"""\s*(?:
        (?P<quoted>"(?:[^"\\]|\\.)*")
      | (?P<operator><=|>=|!=|=|<|>|:)
      | (?P<bracket>[()])
      | (?P<minus>-(?=[(a-z0-9]))
      | (?P<word>[A-Za-z0-9_*+](?:[A-Za-z0-9_./@*+-]|:(?=[0-9]{2}))*)
    )""",
    re.VERBOSE,
)
_NAME = re.compile(r"[a-z_][a-z0-9_]*(?:\.[A-Za-z0-9_][A-Za-z0-9._/-]*)?")
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Restriction:
    """One comparison. ``field`` is as written: `kind`, or `tags.team` with a key after the dot."""

    field: str
    operator: str
    value: str
    position: int

    @property
    def name(self) -> str:
        return self.field.partition(".")[0]

    @property
    def key(self) -> str:
        return self.field.partition(".")[2]


@dataclass(frozen=True, slots=True)
class Not:
    term: Node


@dataclass(frozen=True, slots=True)
class And:
    terms: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Or:
    terms: tuple[Node, ...]


Node = Restriction | Not | And | Or


def parse(text: str) -> Node | None:
    """The filter as a tree; None for an empty one. Raises InvalidArgument that says where it is not one."""
    if len(text) > MAX_LENGTH:
        raise bad(f"is longer than {MAX_LENGTH} characters")
    parser = _Parser(_tokens(text))
    if parser.at_end:
        return None
    found = parser.conjunction(0)
    if not parser.at_end:
        raise parser.unexpected("AND, OR or the end")
    return found


def conjuncts(filter_: Node | None) -> tuple[Node, ...]:
    """The terms that must hold all."""
    if filter_ is None:
        return ()
    return filter_.terms if isinstance(filter_, And) else (filter_,)


def restrictions(filter_: Node) -> list[Restriction]:
    """Every comparison in it."""
    if isinstance(filter_, Restriction):
        return [filter_]
    terms = (filter_.term,) if isinstance(filter_, Not) else filter_.terms
    return [restriction for term in terms for restriction in restrictions(term)]


def bad(description: str) -> InvalidArgument:
    """What a caller is told whose filter is none."""
    return invalid(
        "filter",
        description,
        reason="INVALID_FILTER",
        remedy='for example: kind = "adapter" AND (tags.team = "search" OR NOT stand_in = true)',
    )


class _Token(NamedTuple):
    kind: str
    text: str
    position: int


def _tokens(text: str) -> list[_Token]:
    tokens: list[_Token] = []
    position = 0
    while text[position:].strip():
        match = _TOKEN.match(text, position)
        if match is None:
            raise bad(f'cannot be read at "{text[position:].strip()[:40]}"')
        kind = match.lastgroup or ""
        tokens.append(_Token(kind, match[kind], match.start(kind)))
        position = match.end()
    return tokens


class _Parser:
    """Recursive descent, one method for each rule of the grammar."""

    def __init__(self, tokens: list[_Token]) -> None:
        self._tokens = tokens
        self._next = 0
        self._restrictions = 0

    @property
    def at_end(self) -> bool:
        return self._next == len(self._tokens)

    def conjunction(self, depth: int) -> Node:
        if depth > MAX_DEPTH:
            raise bad(f"is nested deeper than {MAX_DEPTH} brackets")
        terms = [self._disjunction(depth)]
        while self._take("word", "AND"):
            terms.append(self._disjunction(depth))
        return terms[0] if len(terms) == 1 else And(tuple(terms))

    def unexpected(self, wanted: str) -> InvalidArgument:
        if self.at_end:
            return bad(f"expected {wanted} at its end")
        token = self._tokens[self._next]
        return bad(f'expected {wanted} at "{token.text[:40]}", position {token.position}')

    def _disjunction(self, depth: int) -> Node:
        terms = [self._term(depth)]
        while self._take("word", "OR"):
            terms.append(self._term(depth))
        return terms[0] if len(terms) == 1 else Or(tuple(terms))

    def _term(self, depth: int) -> Node:
        if self._take("word", "NOT") or self._take("minus", "-"):
            return Not(self._simple(depth))
        return self._simple(depth)

    def _simple(self, depth: int) -> Node:
        if self._take("bracket", "("):
            found = self.conjunction(depth + 1)
            if not self._take("bracket", ")"):
                raise self.unexpected("a closing bracket")
            return found
        return self._restriction()

    def _restriction(self) -> Restriction:
        self._restrictions += 1
        if self._restrictions > MAX_RESTRICTIONS:
            raise bad(f"has more than {MAX_RESTRICTIONS} conditions")
        field = self._pop("word", "a condition of the form FIELD = VALUE")
        name = field.text
        if name.endswith(".") and not self.at_end and self._tokens[self._next].kind == "quoted":
            name += _unquoted(self._pop("quoted", "a key"))
        elif not _NAME.fullmatch(name):
            self._next -= 1
            raise self.unexpected("a field")
        operator = self._pop("operator", "one of = != < <= > >= :").text
        value = self._value()
        return Restriction(name, operator, value, field.position)

    def _value(self) -> str:
        if not self.at_end and self._tokens[self._next].kind == "quoted":
            return _unquoted(self._pop("quoted", "a value"))
        negative = "-" if self._take("minus", "-") else ""
        return negative + self._pop("word", "a value").text

    def _take(self, kind: str, text: str) -> bool:
        found = not self.at_end and self._tokens[self._next][:2] == (kind, text)
        self._next += found
        return found

    def _pop(self, kind: str, wanted: str) -> _Token:
        if self.at_end or self._tokens[self._next].kind != kind:
            raise self.unexpected(wanted)
        self._next += 1
        return self._tokens[self._next - 1]


def _unquoted(token: _Token) -> str:
    return _ESCAPED.sub(r"\1", token.text[1:-1])
