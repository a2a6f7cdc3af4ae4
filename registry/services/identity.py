"""IdentityService: API tokens and the caller's own identity."""

from __future__ import annotations

from importlib.metadata import version

import grpc
from sqlmodel import Session, col, select

from registry.clock import from_timestamp, now, to_timestamp
from registry.context import Registry
from registry.errors import invalid, not_found, wrong_state
from registry.identity import access
from registry.identity.tokens import Grant, add_token, new_secret
from registry.listing.paging import Page
from registry.storage.audit import Event
from registry.storage.tables import Token
from spiritsafe.registry.v1 import identity_pb2, identity_pb2_grpc
from spiritsafe.rpc.caller import Caller, current_caller

_PREFIX = "tokens/"


class IdentityService(identity_pb2_grpc.IdentityServiceServicer):
    """A caller limited to namespaces sees, makes and revokes tokens within these only."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._version = version("spiritsafe")

    def CreateToken(
        self, request: identity_pb2.CreateTokenRequest, context: grpc.ServicerContext
    ) -> identity_pb2.CreateTokenResponse:
        """The secret is added after the answer was stored for retries, so it is never at rest: a repeated
        ``request_id`` gets the token without its secret. Who lost the first answer revokes that token and makes
        another.
        """
        secret, made = new_secret(), False

        def act(session: Session, caller: Caller) -> tuple[identity_pb2.CreateTokenResponse, Event]:
            nonlocal made
            grant = _grant(request.token)
            _check_reach(caller, grant.namespaces)
            token = add_token(session, grant, secret=secret, creator=caller.identity, now=now())
            made = not request.validate_only
            event = Event("token.created", _PREFIX + token.uid, _details(token))
            return identity_pb2.CreateTokenResponse(token=_message(token)), event

        response = self._registry.mutate("IdentityService/CreateToken", request, identity_pb2.CreateTokenResponse, act)
        if made:
            response.secret = secret
        return response

    def ListTokens(
        self, request: identity_pb2.ListTokensRequest, context: grpc.ServicerContext
    ) -> identity_pb2.ListTokensResponse:
        caller = current_caller()
        reach = sorted(caller.namespaces)
        page = self._registry.page(request, "ListTokens", *reach)
        with self._registry.database.read() as session:
            rows = _visible(session, caller, page)
        tokens, next_page_token = page.cut(rows, lambda token: token.id or 0)
        return identity_pb2.ListTokensResponse(
            tokens=[_message(token) for token in tokens], next_page_token=next_page_token
        )

    def RevokeToken(
        self, request: identity_pb2.RevokeTokenRequest, context: grpc.ServicerContext
    ) -> identity_pb2.RevokeTokenResponse:
        def act(session: Session, caller: Caller) -> tuple[identity_pb2.RevokeTokenResponse, Event]:
            token = _find(session, request.name)
            _check_reach(caller, token.namespaces)
            if token.revoke_time is not None:
                raise wrong_state(request.name, "is revoked already", reason="TOKEN_ALREADY_REVOKED")
            token.revoke_time = now()
            session.add(token)
            event = Event("token.revoked", request.name, {"identity": token.identity})
            return identity_pb2.RevokeTokenResponse(token=_message(token)), event

        return self._registry.mutate("IdentityService/RevokeToken", request, identity_pb2.RevokeTokenResponse, act)

    def GetCaller(
        self, request: identity_pb2.GetCallerRequest, context: grpc.ServicerContext
    ) -> identity_pb2.GetCallerResponse:
        caller = current_caller()
        return identity_pb2.GetCallerResponse(
            identity=caller.identity,
            roles=sorted(caller.roles),
            permissions=sorted(caller.permissions),
            namespaces=sorted(caller.namespaces),
            demo=self._registry.demo,
            embedded=self._registry.embedded,
            server_version=self._version,
        )


def _check_reach(caller: Caller, namespaces: tuple[str, ...] | list[str]) -> None:
    """Nobody hands out, or takes away, more than they hold. Raises PermissionDenied, or InvalidArgument for "all"."""
    if caller.namespaces and not namespaces:
        raise invalid("token.namespaces", f"name at least one of {', '.join(sorted(caller.namespaces))}")
    for namespace in namespaces:
        access.check_namespace(caller, namespace)


def _visible(session: Session, caller: Caller, page: Page) -> list[Token]:
    """One more row than the page holds. Tokens are few, so the JSON column is filtered here, in bounded batches."""
    found: list[Token] = []
    after = page.after
    while len(found) <= page.size:
        query = select(Token).order_by(col(Token.id)).limit(page.size + 1)
        rows = session.exec(query if after is None else query.where(col(Token.id) > after)).all()
        found += [token for token in rows if _within(caller, token)]
        if len(rows) <= page.size:
            break
        after = rows[-1].id
    return found[: page.size + 1]


def _within(caller: Caller, token: Token) -> bool:
    return not caller.namespaces or (bool(token.namespaces) and caller.namespaces.issuperset(token.namespaces))


def _find(session: Session, name: str) -> Token:
    if not name.startswith(_PREFIX):
        raise invalid("name", f"{name!r} is not of the form tokens/TOKEN", reason="INVALID_NAME")
    token = session.exec(select(Token).where(Token.uid == name.removeprefix(_PREFIX))).first()
    if token is None:
        raise not_found(name)
    return token


def _grant(token: identity_pb2.Token) -> Grant:
    expire_time = from_timestamp(token.expire_time) if token.HasField("expire_time") else None
    return Grant(token.identity, tuple(token.roles), tuple(token.namespaces), expire_time)


def _details(token: Token) -> dict[str, object]:
    return {
        "identity": token.identity,
        "roles": token.roles,
        "namespaces": token.namespaces,
        "expire_time": token.expire_time,
    }


def _message(token: Token) -> identity_pb2.Token:
    return identity_pb2.Token(
        name=_PREFIX + token.uid,
        identity=token.identity,
        roles=token.roles,
        namespaces=token.namespaces,
        creator=token.creator,
        create_time=to_timestamp(token.create_time),
        expire_time=to_timestamp(token.expire_time),
        revoke_time=to_timestamp(token.revoke_time),
    )
