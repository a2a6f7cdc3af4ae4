"""Tokens: what is stored, what is refused, and that revocation acts at once."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from sqlmodel import SQLModel, select

from registry.clock import now
from registry.context import Registry
from registry.identity.access import check_namespace
from registry.identity.tokens import SECRET_PREFIX, Grant, check_grant, hash_secret, new_secret
from registry.storage.tables import Token
from spiritsafe import errors
from spiritsafe.client import Client
from spiritsafe.registry.v1 import audit_pb2, identity_pb2, identity_pb2_grpc
from spiritsafe.rpc.caller import Caller
from tests.registry.serving import Served

NOW = 1_700_000_000_000_000


def create(identity: str = "bo@example.com", **fields: object) -> identity_pb2.CreateTokenRequest:
    roles = fields.pop("roles", ["reader"])
    token = identity_pb2.Token(identity=identity, roles=roles, **fields)  # type: ignore[arg-type] # fields of Token
    return identity_pb2.CreateTokenRequest(token=token)


def whoami(client: Client) -> identity_pb2.GetCallerResponse:
    return client.identity.GetCaller(identity_pb2.GetCallerRequest())


def test_secrets_are_long_and_marked() -> None:
    first, second = new_secret(), new_secret()
    assert first != second
    assert first.startswith(SECRET_PREFIX)
    assert len(first) - len(SECRET_PREFIX) == 43  # 32 bytes in base64 without padding


@pytest.mark.parametrize(
    ("grant", "field"),
    [
        (Grant("", ("reader",)), "token.identity"),
        (Grant("a" * 201, ("reader",)), "token.identity"),
        (Grant("ada\n", ("reader",)), "token.identity"),
        (Grant(" ada", ("reader",)), "token.identity"),
        (Grant("ada", ()), "token.roles"),
        (Grant("ada", ("root",)), "token.roles"),
        (Grant("ada", ("reader",), ("No Such",)), "token.namespaces"),
        (Grant("ada", ("reader",), (), NOW), "token.expire_time"),
    ],
)
def test_a_grant_that_is_not_well_formed_is_refused(grant: Grant, field: str) -> None:
    with pytest.raises(errors.InvalidArgument) as refused:
        check_grant(grant, NOW)
    assert refused.value.violations[0].field == field


def test_a_grant_is_sorted_and_has_no_repetition() -> None:
    grant = check_grant(Grant("ada", ("reviewer", "reader", "reader"), ("b", "a", "b"), NOW + 1), NOW)
    assert (grant.roles, grant.namespaces) == (("reader", "reviewer"), ("a", "b"))


def test_namespaces_limit_a_caller() -> None:
    caller = Caller("ada", namespaces=frozenset({"lab"}))
    check_namespace(caller, "lab")
    check_namespace(Caller("root"), "anything")
    with pytest.raises(errors.PermissionDenied) as refused:
        check_namespace(caller, "default")
    assert refused.value.metadata == {"namespace": "default", "granted": "lab"}


def test_a_token_lets_its_holder_in_with_its_roles(server: Served) -> None:
    answer = server.admin.identity.CreateToken(create("bo@example.com", roles=["reviewer"], namespaces=["lab"]))
    caller = whoami(server.client_of(answer.secret))
    assert caller.identity == "bo@example.com"
    assert list(caller.roles) == ["reviewer"]
    assert list(caller.namespaces) == ["lab"]
    assert "reviews.decide" in caller.permissions
    assert "versions.create" not in caller.permissions


def test_the_home_is_described_to_the_caller(server: Served) -> None:
    caller = whoami(server.admin)
    assert caller.embedded
    assert not caller.demo
    assert caller.server_version


def test_no_secret_is_at_rest(server: Served, registry: Registry, home: Path) -> None:
    request = create()
    request.request_id = "4b6a"
    secret = server.admin.identity.CreateToken(request).secret
    admin_secret = (home / "token").read_text().strip()
    stored = "\n".join(every_row(registry))
    assert hash_secret(secret) in stored
    assert secret not in stored
    assert admin_secret not in stored


def test_a_repeated_request_gets_the_token_without_its_secret(server: Served) -> None:
    request = create()
    request.request_id = "4b6a"
    first = server.admin.identity.CreateToken(request)
    again = server.admin.identity.CreateToken(request)
    assert first.secret
    assert not again.secret
    assert again.token == first.token
    assert len(server.admin.identity.ListTokens(identity_pb2.ListTokensRequest()).tokens) == 2


def test_validate_only_makes_no_token(server: Served) -> None:
    request = create()
    request.validate_only = True
    answer = server.admin.identity.CreateToken(request)
    assert answer.token.identity == "bo@example.com"
    assert not answer.secret
    assert len(server.admin.identity.ListTokens(identity_pb2.ListTokensRequest()).tokens) == 1


def test_an_unknown_token_is_refused(server: Served) -> None:
    with pytest.raises(errors.Unauthenticated) as refused:
        whoami(server.client_of(new_secret()))
    assert refused.value.reason == "TOKEN_UNKNOWN"
    assert refused.value.remedy


def test_a_call_without_a_token_is_refused(server: Served) -> None:
    with pytest.raises(errors.Unauthenticated) as refused:
        whoami(server.client_of(""))
    assert refused.value.reason == "TOKEN_MISSING"
    assert "Bearer" in refused.value.remedy


def test_a_token_ends_at_its_expiry(server: Served) -> None:
    expiry = Timestamp()
    expiry.FromMicroseconds(now() + 3_600_000_000)
    answer = server.token("bo@example.com", ["reader"], expire_time=expiry)
    client = server.client_of(answer.secret)
    assert whoami(client).identity == "bo@example.com"
    with server.registry.database.write() as session:
        session.connection().exec_driver_sql(f"UPDATE tokens SET expire_time = {now()}")
    with pytest.raises(errors.Unauthenticated) as refused:
        whoami(client)
    assert refused.value.reason == "TOKEN_EXPIRED"


def test_revocation_acts_on_the_next_call(server: Served) -> None:
    answer = server.token("bo@example.com", ["reader"])
    client = server.client_of(answer.secret)
    assert whoami(client).identity == "bo@example.com"
    revoked = server.admin.identity.RevokeToken(identity_pb2.RevokeTokenRequest(name=answer.token.name))
    assert revoked.token.HasField("revoke_time")
    with pytest.raises(errors.Unauthenticated) as refused:
        whoami(client)
    assert refused.value.reason == "TOKEN_REVOKED"


def test_a_token_is_revoked_once(server: Served) -> None:
    request = identity_pb2.RevokeTokenRequest(name=server.token("bo@example.com", ["reader"]).token.name)
    server.admin.identity.RevokeToken(request)
    with pytest.raises(errors.FailedPrecondition) as refused:
        server.admin.identity.RevokeToken(request)
    assert refused.value.reason == "TOKEN_ALREADY_REVOKED"


@pytest.mark.parametrize(("name", "kind"), [("tokens/none", errors.NotFound), ("none", errors.InvalidArgument)])
def test_a_token_that_is_not_there_cannot_be_revoked(
    server: Served, name: str, kind: type[errors.SpiritsafeError]
) -> None:
    with pytest.raises(kind):
        server.admin.identity.RevokeToken(identity_pb2.RevokeTokenRequest(name=name))


def test_tokens_are_listed_in_pages(server: Served) -> None:
    made = [server.token(f"user{number}", ["reader"]).token.name for number in range(5)]
    names: list[str] = []
    request = identity_pb2.ListTokensRequest(page_size=2)
    for _ in itertools.count():
        page = server.admin.identity.ListTokens(request)
        names += [token.name for token in page.tokens]
        if not page.next_page_token:
            break
        request.page_token = page.next_page_token
    assert names[1:] == made


class TestLimitedAdministrator:
    """An administrator of one namespace cannot reach beyond it."""

    def limited(self, server: Served) -> identity_pb2_grpc.IdentityServiceStub:
        return server.client("admin", namespaces=("lab",)).identity

    def test_makes_tokens_for_its_namespace_only(self, server: Served) -> None:
        assert self.limited(server).CreateToken(create(namespaces=["lab"])).secret
        with pytest.raises(errors.PermissionDenied):
            self.limited(server).CreateToken(create(namespaces=["lab", "default"]))
        with pytest.raises(errors.InvalidArgument) as refused:
            self.limited(server).CreateToken(create())  # none would mean all
        assert refused.value.violations[0].field == "token.namespaces"

    def test_sees_tokens_of_its_namespace_only(self, server: Served) -> None:
        limited = self.limited(server)
        for number in range(6):
            server.token(f"user{number}", ["reader"], namespaces=["lab"] if number % 3 == 0 else ["default"])
        seen = [token.identity for token in limited.ListTokens(identity_pb2.ListTokensRequest(page_size=2)).tokens]
        assert seen == ["admin@example.com", "user0"]

    def test_revokes_tokens_of_its_namespace_only(self, server: Served) -> None:
        other = server.token("bo@example.com", ["reader"]).token
        with pytest.raises(errors.InvalidArgument):
            self.limited(server).RevokeToken(identity_pb2.RevokeTokenRequest(name=other.name))
        named = server.token("bo@example.com", ["reader"], namespaces=["default"]).token
        with pytest.raises(errors.PermissionDenied):
            self.limited(server).RevokeToken(identity_pb2.RevokeTokenRequest(name=named.name))

    def test_sees_events_of_its_namespace_only(self, server: Served, client: Callable[..., Client]) -> None:
        listed = client("admin", namespaces=("lab",)).audit.ListAuditEvents(audit_pb2.ListAuditEventsRequest())
        assert not listed.events


def test_the_hash_alone_is_stored(server: Served, registry: Registry) -> None:
    secret = server.token("bo@example.com", ["reader"]).secret
    with registry.database.read() as session:
        stored = session.exec(select(Token.secret_sha256).where(Token.identity == "bo@example.com")).all()
    assert stored == [hash_secret(secret)]


def every_row(registry: Registry) -> Iterator[str]:
    """All that any table holds, as text."""
    with registry.database.read() as session:
        for table in SQLModel.metadata.sorted_tables:
            yield from (repr(tuple(row)) for row in session.execute(table.select()))
