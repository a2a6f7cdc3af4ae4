"""Opaque keyset page tokens (AIP-158), bound to the query that they were given for.

A token holds the key of the last row seen, so a page costs the same wherever it is, and rows that come or go elsewhere
neither repeat nor hide any.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from registry.errors import invalid
from spiritsafe.errors import InvalidArgument

DEFAULT_PAGE_SIZE = 50
MAX_PAGE_SIZE = 1_000
Key = int | str
RowT = TypeVar("RowT")


@dataclass(frozen=True, slots=True)
class Page:
    """What one list call asks for: at most ``size`` rows beyond ``after``, the key of the last row seen."""

    size: int
    after: Key | None  # None at the start
    query: str

    @classmethod
    def read(cls, page_size: int, page_token: str, *query: str) -> Page:
        """``query`` is whatever must stay equal from page to page: the method, the parent, the filter.

        Raises:
            InvalidArgument: a negative size, or a token that is damaged or belongs to another query.
        """
        if page_size < 0:
            raise invalid("page_size", "must not be negative", remedy="leave it out for the default")
        fingerprint = hashlib.sha256(json.dumps(query).encode()).hexdigest()[:16]
        after = _decode(page_token, fingerprint) if page_token else None
        return cls(min(page_size or DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE), after, fingerprint)

    def cut(self, rows: Sequence[RowT], key: Callable[[RowT], Key]) -> tuple[Sequence[RowT], str]:
        """The page and the next token, "" at the end; give it ``size + 1`` rows where there are that many."""
        if len(rows) <= self.size:
            return rows, ""
        page = rows[: self.size]
        return page, _encode(self.query, key(page[-1]))

    def cut_matching(
        self, rows: Sequence[RowT], limit: int, key: Callable[[RowT], Key], keep: Callable[[RowT], bool]
    ) -> tuple[Sequence[RowT], str]:
        """Like ``cut``, for conditions that the database cannot check: looks at no more than ``limit`` rows.

        Give it ``limit + 1`` rows where there are that many. The page may be short, even empty, although more follow.
        """
        kept: list[RowT] = []
        examined = 0
        for row in rows[:limit]:
            if len(kept) == self.size:
                break
            examined += 1
            if keep(row):
                kept.append(row)
        return kept, _encode(self.query, key(rows[examined - 1])) if examined < len(rows) else ""


def _encode(fingerprint: str, key: Key) -> str:
    return base64.urlsafe_b64encode(json.dumps([fingerprint, key]).encode()).decode().rstrip("=")


def _decode(token: str, fingerprint: str) -> Key:
    try:
        given, key = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
    except (TypeError, ValueError) as error:
        raise _refused("is damaged") from error
    if given != fingerprint or not isinstance(key, int | str):
        raise _refused("belongs to another query")
    return key


def _refused(problem: str) -> InvalidArgument:
    return invalid(
        "page_token", problem, reason="INVALID_PAGE_TOKEN", remedy="start again without a token, or repeat the query"
    )
