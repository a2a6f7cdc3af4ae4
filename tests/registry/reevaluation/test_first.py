"""What finalizing, promoting and deleting do to the last known verdicts."""

from __future__ import annotations

from registry.context import Registry
from spiritsafe.registry.v1 import version_pb2
from tests.registry.builders import NAMESPACE, Story
from tests.registry.reevaluation.running import known_verdicts, real_verdicts, recorded


def test_a_finalized_version_has_its_first_verdicts_at_once(story: Story, registry: Registry) -> None:
    assert known_verdicts(registry) == real_verdicts(registry)
    assert len(known_verdicts(registry)) == 4 * len(story.names)
    with registry.database.read() as session:
        assert recorded(session) == []


def test_a_channel_has_its_verdict_when_it_moves(story: Story, registry: Registry) -> None:
    story.promote(story.names["teacher"], "research", "")
    assert len(known_verdicts(registry)) == 4 * len(story.names) + 1
    assert known_verdicts(registry) == real_verdicts(registry)


def test_a_deleted_version_leaves_none(story: Story, registry: Registry) -> None:
    name = story.build.version(f"{NAMESPACE}/models/teacher", "full", licenses=["mit"])
    story.ada.versions.DeleteVersion(version_pb2.DeleteVersionRequest(name=name))
    assert not any(version == name for version, _, _ in known_verdicts(registry))
