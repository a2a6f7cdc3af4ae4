"""The first verdicts of a version, recorded when it is finalized."""

from __future__ import annotations

from sqlmodel import Session

from registry.clock import now
from registry.decisions.rules import current_rules
from registry.licensing.shapes import Judge
from registry.reevaluation.changes import settle
from registry.reevaluation.docket import Docket


def record_first_verdicts(session: Session, version_id: int) -> None:
    """Makes the verdicts of a version that was just finalized the last known ones, in the same transaction."""
    rules = current_rules(session)
    at = now()
    docket = Docket(session, at)
    judge = Judge(docket.shapes, rules.catalogue, rules.policy)
    settle(session, docket.rule(docket.load(session, [version_id], at), judge))
