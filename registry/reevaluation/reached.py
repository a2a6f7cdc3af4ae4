"""Which finalized versions a change of licence data reaches."""

from __future__ import annotations

import json
from typing import Any

import sqlalchemy
from sqlalchemy import ColumnElement, Select, Text, cast, or_
from sqlmodel import Session, col

from registry.decisions.epoch import Reach
from registry.licensing.vocabulary import NO_EFFECT_EDGES
from registry.storage.tables import Channel, Edge, Version


def reached_ids(session: Session, reach: Reach) -> list[int]:
    """Row ids in ascending order."""
    query = sqlalchemy.select(col(Version.id)).where(col(Version.state) == "ready").order_by(col(Version.id))
    if not reach.everything:
        query = query.where(col(Version.id).in_(_descendants(reach) if reach.descend else _roots(reach)))
    return list(session.execute(query).scalars())


def deployed_ids(session: Session, ids: list[int]) -> list[int]:
    """Those of the ids that some channel holds, in ascending order."""
    held = session.execute(sqlalchemy.select(col(Channel.version_id)).distinct()).scalars()
    return sorted(set(ids).intersection(held))


def _descendants(reach: Reach) -> Select[Any]:
    # Each version once, by UNION: a diamond costs its edges, not its paths.
    found = _roots(reach).cte("reached", recursive=True)
    children = sqlalchemy.select(col(Edge.child_id)).join(found, col(Edge.parent_id) == found.c.id)
    found = found.union(children.where(col(Edge.type).not_in([edge.value for edge in NO_EFFECT_EDGES])))
    return sqlalchemy.select(found.c.id)


def _roots(reach: Reach) -> Select[Any]:
    conditions: list[ColumnElement[bool]] = []
    if reach.license:
        # A licence in the stored JSON is quoted. LIKE may find one that differs in case, too: never too few.
        quoted = json.dumps(reach.license)
        columns = (col(Version.declared), col(Version.detected), col(Version.concluded))
        conditions += [cast(each, Text).contains(quoted, autoescape=True) for each in columns]
    if reach.node_ids:
        conditions.append(col(Version.node_id).in_(reach.node_ids))
    if reach.version_ids:
        conditions.append(col(Version.id).in_(reach.version_ids))
    return sqlalchemy.select(col(Version.id).label("id")).where(or_(sqlalchemy.false(), *conditions))
