"""What finalizing, promoting and deleting do to the last known verdicts."""

from __future__ import annotations

from pathlib import Path

from sqlmodel import select

from registry.clock import now
from registry.context import Registry
from registry.home import open_home
from registry.licensing import EdgeType
from registry.storage.tables import Reevaluation
from registry.upkeep.purging import purge_some
from spiritsafe.registry.v1 import version_pb2
from tests.registry.builders import NAMESPACE, Story
from tests.registry.reevaluation.lineages import Planted, plant
from tests.registry.reevaluation.running import known_verdicts, real_verdicts, recorded, run_all


def test_a_finalized_version_has_its_first_verdicts_at_once(story: Story, registry: Registry) -> None:
    assert known_verdicts(registry) == real_verdicts(registry)
    assert len(known_verdicts(registry)) == 4 * len(story.names)
    with registry.database.read() as session:
        assert recorded(session) == []


def test_a_channel_has_its_verdict_when_it_moves(story: Story, registry: Registry) -> None:
    story.promote(story.names["teacher"], "research", "")
    assert len(known_verdicts(registry)) == 4 * len(story.names) + 1
    assert known_verdicts(registry) == real_verdicts(registry)


def test_a_purged_version_leaves_none(story: Story, registry: Registry) -> None:
    name = story.build.version(f"{NAMESPACE}/models/teacher", "full", licenses=["mit"])
    story.ada.versions.DeleteVersion(version_pb2.DeleteVersionRequest(name=name))
    assert any(version == name for version, _, _ in known_verdicts(registry))
    with registry.database.write() as session:
        assert purge_some(session, now() + 2 * registry.retention) == 1
    assert not any(version == name for version, _, _ in known_verdicts(registry))


def test_a_home_from_before_gets_its_first_verdicts_without_events(home: Path) -> None:
    old = open_home(home)
    with old.database.write() as session:
        plant(session, [Planted(["cc-by-nc-4.0"]), Planted([], [(EdgeType.FINETUNE, 0)])])
    old.database.migrate("0002")
    old.database.migrate()
    old.database.close()
    registry = open_home(home)
    with registry.database.read() as session:
        (job,) = session.exec(select(Reevaluation)).all()
        assert (job.state, job.cause_sequence, job.reach) == ("queued", None, {"everything": True})
    assert known_verdicts(registry) == {}
    run_all(registry)
    assert known_verdicts(registry) == real_verdicts(registry)
    with registry.database.read() as session:
        assert recorded(session) == []
    registry.database.close()
