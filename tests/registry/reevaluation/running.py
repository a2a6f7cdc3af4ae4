"""Running what is queued, and what verdicts really are, by the evaluation of one version after the other."""

from __future__ import annotations

from sqlmodel import Session, col, select

from registry.context import Registry
from registry.decisions.evaluation import CONTEXTS, evaluate, evaluate_contexts
from registry.reevaluation.changes import CHANGED, Change
from registry.reevaluation.worker import Worker
from registry.storage.lookup import version_name
from registry.storage.tables import AuditEvent, Channel, LastVerdict, Node, Version
from registry.wire import enum_text
from spiritsafe.registry.v1 import licensing_pb2

# By resource name, context, and the channel where it is that of one.
Verdicts = dict[tuple[str, str, int | None], str]


def run_all(registry: Registry, owner: str = "test") -> None:
    """Runs every queued job to its end."""
    worker = Worker(registry.database, owner)
    while worker.run_next(lambda: True):
        pass
    worker.stop()


def real_verdicts(registry: Registry) -> Verdicts:
    """The verdicts of all versions and channels as a caller would get them now."""
    found: Verdicts = {}
    with registry.database.read() as session:
        for node, version in session.exec(select(Node, Version).where(Version.node_id == Node.id)).all():
            name = str(version_name(node, version))
            for one in evaluate_contexts(session, registry, node, version, CONTEXTS):
                found[name, enum_text(licensing_pb2.Context, one.context), None] = _text(one)
        for channel in session.exec(select(Channel).where(col(Channel.version_id).is_not(None))).all():
            version, node = session.get_one(Version, channel.version_id), session.get_one(Node, channel.node_id)
            outbound, distributed = channel.outbound_license, channel.distributed
            one = evaluate(
                session, registry, node, version, channel.context, outbound=outbound, distributed=distributed
            )
            found[str(version_name(node, version)), channel.context, channel.id] = _text(one)
    return found


def known_verdicts(registry: Registry) -> Verdicts:
    """The last known ones, as they are stored."""
    with registry.database.read() as session:
        names = {
            version.id: str(version_name(node, version))
            for node, version in session.exec(select(Node, Version).where(Version.node_id == Node.id))
        }
        found: Verdicts = {
            (names[row.version_id], row.context, None): row.verdict for row in session.exec(select(LastVerdict))
        }
        for channel in session.exec(select(Channel).where(col(Channel.version_id).is_not(None))):
            found[names[channel.version_id], channel.context, channel.id] = channel.verdict
    return found


def recorded(session: Session, after: int = 0) -> list[Change]:
    """The changes in the audit chain behind a sequence, in their order."""
    query = select(AuditEvent).where(AuditEvent.type == CHANGED, col(AuditEvent.sequence) > after)
    events = session.exec(query.order_by(col(AuditEvent.sequence))).all()
    return [Change.from_json(value) for event in events for value in event.details["changes"]]


def _text(evaluation: licensing_pb2.Evaluation) -> str:
    return enum_text(licensing_pb2.Verdict, evaluation.verdict)
