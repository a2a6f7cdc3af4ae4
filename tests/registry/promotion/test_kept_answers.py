"""What a channel holds is told from memory only as long as nothing has changed, and only to those who may know."""

from __future__ import annotations

import pytest
from sqlmodel import col, update

from registry.storage.tables import Channel
from spiritsafe.errors import PermissionDenied, Unauthenticated
from spiritsafe.registry.v1 import identity_pb2, promotion_pb2
from tests.registry.builders import Story
from tests.registry.serving import Served


@pytest.fixture
def asked(story: Story) -> promotion_pb2.GetChannelRequest:
    story.promote(story.names["teacher"], "research", outbound="")
    name = f"{story.names['teacher'].rpartition('/versions')[0]}/channels/research-production"
    return promotion_pb2.GetChannelRequest(name=name)


def test_every_commit_shows_in_the_next_answer(
    story: Story, server: Served, asked: promotion_pb2.GetChannelRequest
) -> None:
    etags = []
    for _ in range(3):
        answers = [story.rita.promotions.GetChannel(asked).channel.etag for _ in range(3)]
        assert len(set(answers)) == 1
        etags += answers[:1]
        with server.registry.database.write() as session:
            session.execute(update(Channel).values(revision=col(Channel.revision) + 1))
    assert len(set(etags)) == 3


def test_a_revoked_token_gets_no_kept_answer(server: Served, asked: promotion_pb2.GetChannelRequest) -> None:
    created = server.token("tess@example.com", ["reader"])
    client = server.client_of(created.secret)
    for _ in range(2):
        client.promotions.GetChannel(asked)
    server.admin.identity.RevokeToken(identity_pb2.RevokeTokenRequest(name=created.token.name))
    with pytest.raises(Unauthenticated):
        client.promotions.GetChannel(asked)


def test_somebody_without_the_namespace_gets_no_kept_answer(
    story: Story, server: Served, asked: promotion_pb2.GetChannelRequest
) -> None:
    for _ in range(2):
        story.rita.promotions.GetChannel(asked)
    with pytest.raises(PermissionDenied):
        server.client("reader", namespaces=["elsewhere"]).promotions.GetChannel(asked)
