"""Every method of the contract over a real socket: no token, a token without the permission, a token with it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import grpc
import pytest
from google.protobuf.descriptor import MethodDescriptor

from registry.clock import now
from registry.home import open_home
from registry.identity.roles import ROLES, roles_with
from registry.identity.tokens import hash_secret
from registry.storage.tables import Token
from spiritsafe import errors
from spiritsafe.distill.v1 import run_pb2_grpc
from spiritsafe.rpc.permissions import PUBLIC, methods, permission_of
from spiritsafe.rpc.status import from_rpc_error
from tests.registry.databases import Prepare
from tests.registry.serving import Served, serve

METHODS = dict(methods())
GUARDED = [path for path, method in METHODS.items() if permission_of(method) != PUBLIC]
OPEN = sorted({*METHODS} - {*GUARDED})
# A role that this version does not know gives nothing: for permissions that every role has.
RETIRED = "sst_of-a-role-that-is-no-more"


def offer_runs(server: grpc.aio.Server) -> None:
    """The distillation service's methods behind the same gate, each unimplemented."""
    unimplemented = run_pb2_grpc.RunServiceServicer()  # type: ignore[abstract] # on purpose
    run_pb2_grpc.add_RunServiceServicer_to_server(unimplemented, server)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, prepare_home: Prepare) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("all")
    registry = open_home(prepare_home(folder / "home"))
    with registry.database.write() as session:
        token = Token(
            uid="retired",
            secret_sha256=hash_secret(RETIRED),
            identity="bo@example.com",
            roles=["retired"],
            creator="test",
            create_time=now(),
        )
        session.add(token)
    with ExitStack() as stack:
        stack.callback(registry.database.close)
        yield serve(folder / "home", registry, f"unix:{folder}/socket", stack, services=[offer_runs])


@pytest.fixture(scope="module")
def secrets(served: Served) -> dict[str, str]:
    """A token for each role."""
    return {role: served.token(f"{role}@example.com", [role]).secret for role in ROLES} | {"retired": RETIRED}


@pytest.fixture(scope="module")
def channel(served: Served) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(served.address) as opened:
        yield opened


def refusal(channel: grpc.Channel, path: str, method: MethodDescriptor, secret: str) -> errors.SpiritsafeError | None:
    """What the method says to an empty request; None when it answers."""
    metadata = [("authorization", f"Bearer {secret}")] if secret else []
    sent: Any = iter([b""]) if method.client_streaming else b""
    arity = f"{'stream' if method.client_streaming else 'unary'}_{'stream' if method.server_streaming else 'unary'}"
    try:
        answer = getattr(channel, arity)(path)(sent, metadata=metadata, timeout=30)
        if method.server_streaming:
            next(iter(answer), None)  # the first message tells, and a watch never ends
            answer.cancel()
    except grpc.RpcError as error:
        return from_rpc_error(error)
    return None


@pytest.mark.parametrize("path", GUARDED)
def test_without_a_token(channel: grpc.Channel, path: str) -> None:
    refused = refusal(channel, path, METHODS[path], "")
    assert isinstance(refused, errors.Unauthenticated)
    assert refused.reason == "TOKEN_MISSING"


def test_what_anybody_may_ask(channel: grpc.Channel) -> None:
    """Public keys are of no use to somebody who needs a token to get them."""
    assert [path.rpartition("/")[2] for path in OPEN] == ["GetSigningKeys"]
    for path in OPEN:
        assert refusal(channel, path, METHODS[path], "") is None


@pytest.mark.parametrize("path", GUARDED)
def test_without_the_permission(channel: grpc.Channel, secrets: dict[str, str], path: str) -> None:
    permission = permission_of(METHODS[path])
    holders = roles_with(permission)
    for role in sorted({*ROLES, "retired"} - {*holders}):
        refused = refusal(channel, path, METHODS[path], secrets[role])
        assert isinstance(refused, errors.PermissionDenied), role
        assert refused.reason == "PERMISSION_MISSING"
        assert refused.metadata == {"permission": permission, "roles": ",".join(holders)}
        assert refused.remedy


@pytest.mark.parametrize("path", METHODS)
def test_with_the_permission(channel: grpc.Channel, secrets: dict[str, str], path: str) -> None:
    for role in roles_with(permission_of(METHODS[path])):
        refused = refusal(channel, path, METHODS[path], secrets[role])
        assert not isinstance(refused, errors.Unauthenticated | errors.PermissionDenied)
        # An empty request is a caller's mistake at most, never the server's.
        assert not isinstance(refused, errors.Internal), refused
