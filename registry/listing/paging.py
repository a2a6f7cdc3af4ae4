"""Opaque keyset page tokens (AIP-158), bound to the query and the caller that they were given for.

A token holds the keys of the last row seen, so a page costs the same wherever it is, and rows that come or go elsewhere
neither repeat nor hide any. It is authenticated with a key of the registry: a token that was not given out is refused.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from registry.errors import invalid
from spiritsafe.errors import InvalidArgument
from spiritsafe.rpc.caller import current_caller

DEFAULT_PAGE_SIZE = 50
MAX_PAGE_SIZE = 1_000
_MAC_BYTES = 16
Key = int | str | list[Any]
RowT = TypeVar("RowT")


@dataclass(frozen=True, slots=True)
class Pages:
    """Reads page requests, and makes the tokens that continue them, under the registry's key."""

    key: bytes

    def read(self, page_size: int, page_token: str, *query: str) -> Page:
        """``query`` is whatever must stay equal from page to page: the method, the parent, the filter, the order.

        Raises:
            InvalidArgument: a negative size, or a token that is damaged or belongs to another query or caller.
        """
        if page_size < 0:
            raise invalid("page_size", "must not be negative", remedy="leave it out for the default")
        caller = current_caller()
        bound = json.dumps([*query, caller.identity, *sorted(caller.namespaces)]).encode()
        seal = _Seal(self.key, bound)
        after = seal.open(page_token) if page_token else None
        return Page(min(page_size or DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE), after, seal)


@dataclass(frozen=True, slots=True)
class Page:
    """What one list call asks for: at most ``size`` rows beyond ``after``, the key of the last row seen."""

    size: int
    after: Any  # a Key; None at the start
    _seal: _Seal

    def token(self, key: Key) -> str:
        """The token of what follows after ``key``."""
        return self._seal.close(key)

    def cut(self, rows: Sequence[RowT], key: Callable[[RowT], Key]) -> tuple[Sequence[RowT], str]:
        """The page and the next token, "" at the end; give it ``size + 1`` rows where there are that many."""
        if len(rows) <= self.size:
            return rows, ""
        page = rows[: self.size]
        return page, self._seal.close(key(page[-1]))

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
        return kept, self._seal.close(key(rows[examined - 1])) if examined < len(rows) else ""


@dataclass(frozen=True, slots=True)
class _Seal:
    """Makes and checks the tokens of one query of one caller."""

    key: bytes
    bound: bytes

    def close(self, after: Key) -> str:
        content = json.dumps(after, separators=(",", ":")).encode()
        return base64.urlsafe_b64encode(self._mac(content) + content).decode().rstrip("=")

    def open(self, token: str) -> Key:
        try:
            data = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        except ValueError as error:
            raise _refused("is damaged") from error
        mac, content = data[:_MAC_BYTES], data[_MAC_BYTES:]
        if not hmac.compare_digest(mac, self._mac(content)):
            raise _refused("was given for another query or to another caller, or is damaged")
        key: Key = json.loads(content)
        return key

    def _mac(self, content: bytes) -> bytes:
        length = len(self.bound).to_bytes(8)
        return hmac.digest(self.key, length + self.bound + content, hashlib.sha256)[:_MAC_BYTES]


def _refused(problem: str) -> InvalidArgument:
    return invalid(
        "page_token", problem, reason="INVALID_PAGE_TOKEN", remedy="start again without a token, or repeat the query"
    )
