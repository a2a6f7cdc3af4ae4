"""The registry as one object: database, artifact store, licence profiles, and the rule that all mutations follow."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

import sqlalchemy
from google.protobuf.message import Message
from sqlalchemy import Row, bindparam
from sqlmodel import Session, col

from registry.clock import now
from registry.errors import invalid
from registry.listing.paging import Page, Pages
from registry.signing import Signer
from registry.storage import audit
from registry.storage.artifacts import ArtifactStore
from registry.storage.database import Database
from registry.storage.tables import Request
from spiritsafe.hub.repository import Hub
from spiritsafe.rpc.caller import Caller, current_caller

DEFAULT_RETENTION = 30 * 24 * 3600 * 1_000_000
ResponseT = TypeVar("ResponseT", bound=Message)


class Mutation(Protocol):
    """What every mutating request of the contract carries."""

    request_id: str
    validate_only: bool

    def SerializeToString(self, *, deterministic: bool = ...) -> bytes: ...  # noqa: N802 - protobuf's name


class Paged(Protocol):
    """What every list request of the contract carries."""

    page_size: int
    page_token: str


@dataclass(frozen=True, slots=True)
class Registry:
    """Everything that a service needs. ``demo`` and ``embedded`` are facts of the home, fixed when it was created.

    ``created`` is when its records began (UTC microseconds). ``hub`` is where external files are mirrored from. No
    request can name another one.
    """

    database: Database
    store: ArtifactStore
    signer: Signer
    pages: Pages
    created: int
    demo: bool = False
    embedded: bool = True
    hub: Hub = field(default_factory=lambda: Hub(anonymous=True))
    # Microseconds for which what was deleted can be brought back.
    retention: int = DEFAULT_RETENTION

    def page(self, request: Paged, *query: str) -> Page:
        """What a list request asks for; ``query`` must stay equal from page to page. Raises InvalidArgument."""
        return self.pages.read(request.page_size, request.page_token, *query)

    def answered(self, method: str, request: Mutation, response_type: type[ResponseT]) -> ResponseT | None:
        """What ``mutate`` answered to this request before: for methods whose work begins before its transaction."""
        with self.database.read() as session:
            replay = _replay(session, current_caller(), method, request)
        return None if replay is None else response_type.FromString(replay.response)

    def mutate(
        self,
        method: str,
        request: Mutation,
        response_type: type[ResponseT],
        act: Callable[[Session, Caller], tuple[ResponseT, audit.Event | Sequence[audit.Event]]],
    ) -> ResponseT:
        """Runs ``act`` in one write transaction together with its audit event; a batch has one for each of its parts.

        A repeated ``request_id`` of the same caller gets the first answer again and changes nothing (AIP-155);
        ``validate_only`` runs everything and rolls back (AIP-163). Raises InvalidArgument when a request id comes back
        with another request.
        """
        caller = current_caller()
        with self.database.write() as session:
            replay = _replay(session, caller, method, request)
            if replay is not None:
                return response_type.FromString(replay.response)
            response, events = act(session, caller)
            if request.validate_only:
                session.rollback()
                return response
            for event in [events] if isinstance(events, audit.Event) else events:
                audit.append(session, event, caller.identity)
            if request.request_id:
                _remember(session, caller, method, request, response)
        return response


# One statement object each, so that it is compiled once; rows and no objects, for every mutation pays for this.
_ANSWERED = sqlalchemy.select(col(Request.fingerprint), col(Request.response)).where(
    col(Request.identity) == bindparam("of_identity"),
    col(Request.method) == bindparam("of_method"),
    col(Request.request_id) == bindparam("of_request"),
)
_REMEMBER = sqlalchemy.insert(Request.__table__)  # type: ignore[attr-defined] # SQLModel types no tables


def _replay(session: Session, caller: Caller, method: str, request: Mutation) -> Row[tuple[str, bytes]] | None:
    if not request.request_id:
        return None
    key = {"of_identity": caller.identity, "of_method": method, "of_request": request.request_id}
    row = session.execute(_ANSWERED, key).first()
    if row is not None and row.fingerprint != _fingerprint(request):
        raise invalid(
            "request_id",
            f"{request.request_id} was used for another request",
            reason="REQUEST_ID_REUSED",
            remedy="use a new UUID for each new request",
        )
    return row


def _remember(session: Session, caller: Caller, method: str, request: Mutation, response: Message) -> None:
    row = {
        "identity": caller.identity,
        "method": method,
        "request_id": request.request_id,
        "fingerprint": _fingerprint(request),
        "response": response.SerializeToString(),
        "create_time": now(),
    }
    session.execute(_REMEMBER, row)


def _fingerprint(request: Mutation) -> str:
    return hashlib.sha256(request.SerializeToString(deterministic=True)).hexdigest()
