"""HTML whose texts are always escaped. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape


class Markup(str):
    """A piece of HTML; any other string is a text and gets escaped."""

    __slots__ = ()


def tag(name: str, *content: str, **attributes: str) -> Markup:
    """One element; ``class_`` stands for the attribute class. Texts among the content are escaped."""
    given = "".join(f' {key.rstrip("_")}="{escape(value)}"' for key, value in attributes.items())
    return Markup(f"<{name}{given}>{join(content)}</{name}>")


def join(pieces: Iterable[str]) -> Markup:
    """Pieces one after the other, texts escaped."""
    return Markup("".join(one if isinstance(one, Markup) else escape(one) for one in pieces))


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> Markup:
    """A table with a head."""
    head = tag("tr", *(tag("th", column, scope="col") for column in columns))
    body = [tag("tr", *(tag("td", cell) for cell in row)) for row in rows]
    return tag("table", tag("thead", head), tag("tbody", *body))


def facts(pairs: Iterable[tuple[str, str]]) -> Markup:
    """Names with their values; empty values are left out."""
    rows = [join([tag("dt", name), tag("dd", value)]) for name, value in pairs if value]
    return tag("dl", *rows)


def bullets(items: Iterable[str]) -> Markup:
    """A list without an order."""
    return tag("ul", *(tag("li", item) for item in items))
