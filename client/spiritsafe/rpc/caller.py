"""Who is calling, as the server's interceptor established it."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass, field

from spiritsafe.errors import Unauthenticated


@dataclass(frozen=True, slots=True)
class Caller:
    """An authenticated identity. ``namespaces`` empty means all."""

    identity: str
    roles: frozenset[str] = frozenset()
    permissions: frozenset[str] = frozenset()
    namespaces: frozenset[str] = field(default_factory=frozenset)


_current: ContextVar[Caller | None] = ContextVar("spiritsafe_caller", default=None)


def set_caller(caller: Caller | None) -> None:
    """Binds the caller to the current context (one request)."""
    _current.set(caller)


def current_caller() -> Caller:
    """The caller of the current request. Raises Unauthenticated outside of one."""
    caller = _current.get()
    if caller is None:
        raise Unauthenticated("no caller is established", remedy="send a token in the authorization metadata")
    return caller
