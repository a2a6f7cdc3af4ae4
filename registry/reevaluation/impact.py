"""What a change of the rules would change, before it is made. Changes nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sqlmodel import Session

from registry.clock import now
from registry.decisions.epoch import EVERYTHING, Reach, current_epoch
from registry.decisions.policies import parse_settings
from registry.decisions.profiles import parse_document
from registry.decisions.rules import Rules, current_rules
from registry.licensing import Policy, Profile
from registry.licensing.shapes import Judge
from registry.reevaluation.changes import Change, differences
from registry.reevaluation.docket import Docket
from registry.reevaluation.reached import deployed_ids, reached_ids
from registry.reevaluation.worker import BATCH_VERSIONS
from registry.storage.database import Database
from spiritsafe.errors import Aborted


@dataclass(frozen=True, slots=True)
class Impact:
    """What one batch would change, and how far the preview is, in versions."""

    changes: list[Change]
    reached: int
    evaluated: int


@dataclass(frozen=True, slots=True)
class Proposal:
    """A profile or a policy that is not in force."""

    profile: Profile | None = None
    policy: Policy | None = None

    @classmethod
    def of_profile(cls, document: Mapping[str, Any]) -> Proposal:
        """Raises InvalidArgument for a document that ReviseLicense would refuse."""
        return cls(profile=parse_document(document, "profile"))

    @classmethod
    def of_policy(cls, settings: Mapping[str, Any]) -> Proposal:
        """Raises InvalidArgument for settings that CreatePolicy would refuse."""
        return cls(policy=parse_settings(settings, "policy"))

    @property
    def reach(self) -> Reach:
        return Reach(license=self.profile.id) if self.profile else EVERYTHING

    def applied(self, rules: Rules) -> Rules:
        """The rules as they would be."""
        catalogue = rules.catalogue.extended([self.profile]) if self.profile else rules.catalogue
        return Rules(catalogue, self.policy or rules.policy, rules.policy_revision)


def preview(database: Database, proposal: Proposal) -> Iterator[Impact]:
    """Batch by batch, the versions that channels hold first; at least one batch, which may be empty.

    Each batch is read in a transaction of its own, since a slow reader must not hold one open. Raises Aborted when
    licence data change meanwhile.
    """
    with database.read() as session:
        comparison = _Comparison(session, proposal)
        reached = reached_ids(session, proposal.reach)
        first = deployed_ids(session, reached)
    evaluated = 0
    for batch in _batches(first, sorted(set(reached) - set(first))) or [[]]:
        with database.read() as session:
            changes = comparison.changes(session, batch)
        evaluated += len(batch)
        yield Impact(changes, len(reached), evaluated)


def _batches(*phases: list[int]) -> list[list[int]]:
    """No batch holds ids of two phases."""
    return [ids[at : at + BATCH_VERSIONS] for ids in phases for at in range(0, len(ids), BATCH_VERSIONS)]


class _Comparison:
    """Rulings under the rules of the day beside those under the proposed ones."""

    def __init__(self, session: Session, proposal: Proposal) -> None:
        before = current_rules(session)
        after = proposal.applied(before)
        self._epoch = current_epoch(session)
        self._docket = Docket(session, now())
        self._before = Judge(self._docket.shapes, before.catalogue, before.policy)
        self._after = Judge(self._docket.shapes, after.catalogue, after.policy)

    def changes(self, session: Session, ids: list[int]) -> list[Change]:
        if current_epoch(session) != self._epoch:
            raise Aborted(
                "licence data changed while the impact was worked out",
                reason="LICENCE_DATA_CHANGED",
                remedy="ask again",
            )
        entries = self._docket.load(session, ids, now())
        pairs = zip(self._docket.rule(entries, self._before), self._docket.rule(entries, self._after), strict=True)
        return [change for before, after in pairs for change in differences(before, after)]
