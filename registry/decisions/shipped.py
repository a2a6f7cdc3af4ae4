"""The shipped licence profiles that a registry last worked with, and what follows when the program ships others."""

from __future__ import annotations

import json
from collections.abc import Mapping

from sqlmodel import Session

from registry.decisions.epoch import EVERYTHING, Reach, bump_epoch, queue_reevaluation
from registry.decisions.profiles import latest_revisions
from registry.storage import audit
from registry.storage.audit import next_sequence
from registry.storage.tables import Setting

SHIPPED = "shipped_profiles"
_ACTOR = "system"


def recorded(digests: Mapping[str, str]) -> str:
    """The value of the setting ``shipped_profiles`` for these digests by licence id."""
    return json.dumps(digests, sort_keys=True)


def adopt(session: Session, digests: Mapping[str, str]) -> tuple[str, ...]:
    """Records what the program ships, and queues the re-evaluation of what the changed profiles reach.

    A profile that this registry revised is not the shipped one, so a change of that is none. A home from before digests
    were kept is re-evaluated whole. Gives the ids of the licences whose profile changed.
    """
    setting = session.get(Setting, SHIPPED)
    before = json.loads(setting.value) if setting else {}
    if before == digests:
        return ()
    revised = latest_revisions(session)
    differing = (each for each in {*before, *digests} if before.get(each) != digests.get(each))
    changed = tuple(sorted(each for each in differing if each not in revised))
    reaches = [Reach(license=each) for each in changed] if setting else [EVERYTHING]
    setting = setting or Setting(key=SHIPPED, value="")
    setting.value = recorded(digests)
    session.add(setting)
    if reaches:
        _queue(session, reaches, changed)
    return changed


def _queue(session: Session, reaches: list[Reach], changed: tuple[str, ...]) -> None:
    first, *others = reaches
    cause = next_sequence(session)
    epoch = bump_epoch(session, first)
    for reach in others:
        queue_reevaluation(session, reach, cause)
    audit.append(
        session, audit.Event("license.shipped", "licenses", {"changed": list(changed), "epoch": epoch}), _ACTOR
    )
