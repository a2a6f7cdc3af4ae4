"""API tokens: a random secret for the holder, its SHA-256 for the registry.

A secret has 256 bits of entropy, so a plain hash of it cannot be searched and needs no salt.
"""

from __future__ import annotations

import hashlib
import secrets
import uuid
from collections.abc import Iterable
from dataclasses import dataclass

import sqlalchemy
from sqlalchemy import bindparam
from sqlmodel import Session, col

from registry.errors import invalid
from registry.identity.roles import ROLES, permissions_of
from registry.storage.tables import Token
from spiritsafe.errors import Unauthenticated
from spiritsafe.rpc.caller import Caller
from spiritsafe.rpc.names import check_id

SECRET_PREFIX = "sst_"  # noqa: S105 - marks secrets for scanners, is none itself
SECRET_BYTES = 32
MAX_IDENTITY_LENGTH = 200


@dataclass(frozen=True, slots=True)
class Grant:
    """What a token stands for. Times are UTC microseconds; ``namespaces`` empty means all."""

    identity: str
    roles: tuple[str, ...]
    namespaces: tuple[str, ...] = ()
    expire_time: int | None = None


def new_secret() -> str:
    """A fresh secret from the system's random source."""
    return SECRET_PREFIX + secrets.token_urlsafe(SECRET_BYTES)


def hash_secret(secret: str) -> str:
    """Lower-case hexadecimal SHA-256."""
    return hashlib.sha256(secret.encode()).hexdigest()


def check_grant(grant: Grant, now: int) -> Grant:
    """The grant in its stored form: names checked, sorted and without repetition. Raises InvalidArgument."""
    if not 0 < len(grant.identity) <= MAX_IDENTITY_LENGTH or not grant.identity.isprintable():
        raise invalid("token.identity", f"give 1 to {MAX_IDENTITY_LENGTH} printable characters")
    if grant.identity != grant.identity.strip():
        # Four eyes compares identities: two that look alike must not differ.
        raise invalid("token.identity", "remove the space at its start or end")
    known = ", ".join(ROLES)
    if not grant.roles:
        raise invalid("token.roles", f"name at least one of {known}")
    for role in grant.roles:
        if role not in ROLES:
            raise invalid("token.roles", f"{role!r} is not a role", remedy=f"choose from {known}")
    if grant.expire_time is not None and grant.expire_time <= now:
        raise invalid("token.expire_time", "is in the past")
    namespaces = {check_id(namespace, "token.namespaces") for namespace in grant.namespaces}
    return Grant(grant.identity, tuple(sorted(set(grant.roles))), tuple(sorted(namespaces)), grant.expire_time)


def add_token(session: Session, grant: Grant, *, secret: str, creator: str, now: int) -> Token:
    """Stores a token. Raises InvalidArgument for a grant that is not well formed."""
    grant = check_grant(grant, now)
    token = Token(
        uid=uuid.uuid4().hex,
        secret_sha256=hash_secret(secret),
        identity=grant.identity,
        roles=list(grant.roles),
        namespaces=list(grant.namespaces),
        creator=creator,
        create_time=now,
        expire_time=grant.expire_time,
    )
    session.add(token)
    return token


@dataclass(frozen=True, slots=True)
class Admission:
    """Whom a token stands for, and the time at which it ends; None for never."""

    caller: Caller
    expire_time: int | None


def admit(session: Session, secret: str, now: int) -> Admission:
    """What the secret stands for. Raises Unauthenticated with TOKEN_UNKNOWN, TOKEN_REVOKED or TOKEN_EXPIRED."""
    token = session.execute(_TOKEN, {"hash": hash_secret(secret)}).first()
    if token is None:
        raise _refused("TOKEN_UNKNOWN", "the token is not known here", "check that it belongs to this registry")
    if token.revoke_time is not None:
        raise _refused("TOKEN_REVOKED", "the token was revoked", "ask an administrator for a new one")
    if token.expire_time is not None and token.expire_time <= now:
        raise _refused("TOKEN_EXPIRED", "the token has expired", "ask an administrator for a new one")
    return Admission(caller_for(token.identity, token.roles, token.namespaces), token.expire_time)


def authenticate(session: Session, secret: str, now: int) -> Caller:
    """Whom the secret stands for; raises as ``admit``."""
    return admit(session, secret, now).caller


def caller_for(identity: str, roles: Iterable[str], namespaces: Iterable[str] = ()) -> Caller:
    """The caller that holds these roles."""
    held = frozenset(roles)
    return Caller(identity, held, permissions_of(held), frozenset(namespaces))


def _refused(reason: str, message: str, remedy: str) -> Unauthenticated:
    return Unauthenticated(message, reason=reason, remedy=remedy)


_TOKEN = sqlalchemy.select(
    col(Token.identity), col(Token.roles), col(Token.namespaces), col(Token.expire_time), col(Token.revoke_time)
).where(col(Token.secret_sha256) == bindparam("hash"))
