"""Scans of stored versions: what is kept of one, and doing one again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, cast
from uuid import uuid4

from sqlmodel import Session, col, select

from registry.clock import now
from registry.decisions.epoch import Reach, bump_epoch
from registry.decisions.facts import load_lineage
from registry.decisions.findings import CONCLUDED, OPEN
from registry.decisions.known import known_entries
from registry.decisions.rules import current_rules
from registry.detection.judging import Found, Judgement, Known, judge
from registry.detection.observations import Observations
from registry.errors import wrong_state
from registry.licensing import KnownModel
from registry.licensing.findings import ALERT_CODES
from registry.licensing.vocabulary import EdgeType
from registry.storage.audit import Event
from registry.storage.lookup import rows_of, version_name
from registry.storage.tables import Edge, Finding, Node, Version

SUPERSEDED = "superseded"
FindModel = Callable[[str], KnownModel | None]


def record(session: Session, node: Node, version: Version, seen: Observations) -> dict[str, Any]:
    """Stores the findings and detected licences of a finalized version; gives what the audit event says of them.

    A finding that is known already is not opened again. An open one that is no alert, and that this scan no longer
    makes, is superseded; an open alert stays until a person concludes it. Detected licences are only ever added.
    """
    find_model = _finder(session)
    known = _known(session, node, version, find_model)
    judgement = judge(seen, known, current_rules(session).catalogue, find_model)
    opened = _store(session, node, version, judgement.findings)
    _detect(version, judgement)
    session.add(version)
    session.flush()
    return {
        "detected": version.detected,
        "findings": sorted(row.code for row in opened),
        "not_looked_at": seen.not_looked_at,
    }


def rescan(session: Session, node: Node, version: Version, seen: Observations) -> Event:
    """Records a further scan, and lets every verdict be read anew. Raises FailedPrecondition for a draft."""
    name = str(version_name(node, version))
    if version.state != "ready":
        raise wrong_state(
            name, "is a draft", reason="VERSION_NOT_READY", remedy="finalize it: that scans its files as well"
        )
    before = version.detected
    details = record(session, node, version, seen)
    if version.detected != before:
        version.revision += 1
        session.add(version)
    epoch = bump_epoch(session, Reach(version_ids=(cast("int", version.id),)))
    return Event("version.rescanned", name, {"before": before, **details, "epoch": epoch})


def findings_of(session: Session, version: Version) -> list[Finding]:
    """Every finding of a version, oldest first."""
    query = select(Finding).where(Finding.version_id == version.id).order_by(col(Finding.id))
    return list(session.exec(query))


def _store(session: Session, node: Node, version: Version, findings: Sequence[Found]) -> list[Finding]:
    known = {(row.code, row.file, row.subject): row for row in findings_of(session, version)}
    made = {(one.code.value, one.file, one.subject): one for one in findings}
    for key, row in known.items():
        if key in made and row.state != CONCLUDED:
            row.detail, row.state = made[key].detail, OPEN
        elif key not in made and row.state == OPEN and row.code not in ALERT_CODES:
            row.state = SUPERSEDED
        if session.is_modified(row):
            row.revision += 1
    opened = [_row(node, version, one) for key, one in made.items() if key not in known]
    session.add_all([*known.values(), *opened])
    return opened


def _detect(version: Version, judgement: Judgement) -> None:
    detected = sorted({*(version.detected or ()), *(judgement.detected or ())})
    if detected and detected != version.detected:
        version.detected = detected


def _row(node: Node, version: Version, one: Found) -> Finding:
    return Finding(
        uid=uuid4().hex,
        namespace=node.namespace,
        version_id=cast("int", version.id),
        code=one.code.value,
        file=one.file,
        subject=one.subject,
        detail=one.detail,
        create_time=now(),
    )


def _finder(session: Session) -> FindModel:
    """The catalogue's models by hub id, an organisation's own entries included."""
    entries = {hub_id.casefold(): entry for hub_id, entry in known_entries(session).items()}

    def find(hub_id: str) -> KnownModel | None:
        entry = entries.get(hub_id.casefold())
        return entry if isinstance(entry, KnownModel) else None

    return find


def _known(session: Session, node: Node, version: Version, find_model: FindModel) -> Known:
    lineage = load_lineage(session, version)
    own = cast("int", version.id)
    ancestors = {id_: origin for id_, origin in lineage.origins.items() if id_ != own}
    families = frozenset(version.weight_families) | _tokenizer_families(session, version)
    return Known(
        declared=_tuple(version.declared),
        concluded=_tuple(version.concluded),
        ancestor_licenses=frozenset(each for origin in ancestors.values() for each in origin.licenses),
        families=families | _own_family(version, find_model),
        own_names=_names([(node, version)]),
        ancestor_names=_names(rows_of(session, ancestors).values()),
        is_model=node.collection == "models",
        stand_in=version.stand_in,
    )


def _own_family(version: Version, find_model: FindModel) -> frozenset[str]:
    """The family of a licensor's own release, where the version is one that the catalogue knows."""
    entry = find_model(version.source_repo) if version.source_repo else None
    return frozenset({entry.base_family} if entry is not None and entry.base_family else ())


def _tokenizer_families(session: Session, version: Version) -> frozenset[str]:
    """Families whose tokenizer the version declares to use."""
    query = select(Version).join(Edge, col(Edge.parent_id) == Version.id)
    query = query.where(Edge.child_id == version.id, Edge.type == EdgeType.TOKENIZER_OF.value)
    return frozenset(family for parent in session.exec(query) for family in parent.weight_families)


def _names(rows: Iterable[tuple[Node, Version]]) -> frozenset[str]:
    """Under which metadata may name them: hub repository, public name, id."""
    names = (name for node, version in rows for name in (version.source_repo, node.display_name, node.slug))
    return frozenset(name.casefold() for name in names if name)


def _tuple(values: list[str] | None) -> tuple[str, ...] | None:
    return None if values is None else tuple(values)
