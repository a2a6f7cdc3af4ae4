"""Who acts in the demo: identities with tokens of their own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from cli.embedded import Endpoint
from spiritsafe.client import Client
from spiritsafe.registry.v1 import identity_pb2

ROLES = {
    # She may decide reviews too, so that it is not a missing role that stops her from approving her own work.
    "alice": ("publisher", "releaser", "reviewer"),
    "bob": ("reviewer",),
}


@dataclass(frozen=True, slots=True)
class Actor:
    """An identity and its client."""

    identity: str
    token: str
    client: Client


@contextmanager
def actors(endpoint: Endpoint) -> Iterator[tuple[Actor, Actor]]:
    """Alice, who registers and releases, and Bob, who reviews; their tokens are made by the home's owner."""
    with ExitStack() as stack:
        owner = stack.enter_context(Client(endpoint.address, endpoint.token))
        alice, bob = (_actor(stack, endpoint, owner, identity) for identity in ROLES)
        yield alice, bob


def _actor(stack: ExitStack, endpoint: Endpoint, owner: Client, identity: str) -> Actor:
    token = identity_pb2.Token(identity=identity, roles=ROLES[identity])
    secret = owner.identity.CreateToken(identity_pb2.CreateTokenRequest(token=token)).secret
    return Actor(identity, secret, stack.enter_context(Client(endpoint.address, secret)))
