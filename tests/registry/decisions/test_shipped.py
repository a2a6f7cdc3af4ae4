"""A newer program with other licence profiles opens a home that an older one left."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from sqlmodel import select

from registry.decisions.shipped import SHIPPED
from registry.home import open_home
from registry.licensing import profile_digests
from registry.storage.tables import AuditEvent, Reevaluation, Setting


def left_behind(home: Path, digests: dict[str, str] | None) -> None:
    """A home as a program left it that shipped profiles with these digests, or kept none."""
    registry = open_home(home)
    with registry.database.write() as session:
        setting = session.get_one(Setting, SHIPPED)
        if digests is None:
            session.delete(setting)
        else:
            setting.value = json.dumps(digests)
            session.add(setting)
    registry.database.close()


def queued(home: Path) -> list[tuple[dict[str, object], str, list[str]]]:
    """Of each job its reach, and the type and the changed licences of the event that caused it."""
    registry = open_home(home)
    with registry.database.read() as session:
        found = []
        for job in session.exec(select(Reevaluation).order_by("id")):
            event = session.exec(select(AuditEvent).where(AuditEvent.sequence == job.cause_sequence)).one()
            found.append((job.reach, event.type, event.details["changed"]))
    registry.database.close()
    return found


def test_the_same_profiles_queue_nothing(home: Path) -> None:
    left_behind(home, dict(profile_digests()))
    assert queued(home) == []


@pytest.mark.parametrize("changed", [["cc-by-nd-4.0"], ["gemma", "mit"]])
def test_changed_and_added_profiles_queue_what_they_reach_once(home: Path, changed: list[str]) -> None:
    older = dict(profile_digests())
    older[changed[0]] = "0" * 64
    for each in changed[1:]:
        del older[each]
    left_behind(home, older)
    for _ in range(2):
        found = queued(home)
        assert [reach["license"] for reach, _, _ in found] == changed
        assert all((kind, ids) == ("license.shipped", changed) for _, kind, ids in found)


def test_a_home_without_digests_is_re_evaluated_whole(home: Path) -> None:
    left_behind(home, None)
    ((reach, kind, _),) = queued(home)
    assert (reach["everything"], kind) == (True, "license.shipped")
