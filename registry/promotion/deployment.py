"""The deployment check: whether bytes may be used in a context, whoever registered them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from sqlmodel import Session, col, select

from registry.clock import now, to_timestamp
from registry.context import Registry
from registry.decisions.checks import check_sha256, context_text
from registry.decisions.evaluation import current_epoch, evaluate
from registry.decisions.facts import load_lineage
from registry.errors import invalid, not_found
from registry.evidence.decision import decision_fields
from registry.evidence.identifiers import canonical_json
from registry.identity.access import check_namespace, may_use
from registry.promotion import recalls
from registry.storage.lookup import deleted_since, get_version, version_name
from registry.storage.tables import File, Node, Version
from spiritsafe.evidence import DECISION_TYPE
from spiritsafe.registry.v1 import licensing_pb2, promotion_pb2
from spiritsafe.rpc.caller import Caller
from spiritsafe.rpc.names import VersionName

ANSWER_VALID_MICROS = 5 * 60 * 1_000_000
_ALLOWED = (licensing_pb2.VERDICT_ALLOWED, licensing_pb2.VERDICT_ALLOWED_WITH_OBLIGATIONS)


def check_deployment(
    session: Session, registry: Registry, caller: Caller, request: promotion_pb2.CheckDeploymentRequest
) -> promotion_pb2.CheckDeploymentResponse:
    """Allowed only if every version that holds the digest or file is: the bytes do not tell which of their histories
    the caller's copy has, and none of them recalled. Deleted versions count as the others do, since bytes outlive them,
    but something that is not deleted must hold it as well. Stand-ins are allowed in a demo only, as in channels.

    Evaluations of namespaces that the caller may not see count, but are left out of the answer. It is signed, so that
    who runs the bytes can verify it without asking again.

    Raises:
        InvalidArgument: no subject or context, or a malformed digest.
        NotFound: no finalized version that the caller may see holds it.
    """
    context = context_text(request.context)
    rows = _subjects(session, caller, request)
    evaluations = [
        evaluate(
            session,
            registry,
            node,
            version,
            context,
            outbound=request.outbound_license,
            distributed=request.distributed,
        )
        for node, version in rows
    ]
    gone = [version_name(node, version) for node, version in rows if deleted_since(node, version) is not None]
    stand_ins = [] if registry.demo else _stand_ins(session, rows)
    found = recalls.recalls_of(session, [cast("int", version.id) for _, version in rows])
    recalled = [row for each in found.values() for row in each]
    visible = [each for each, (node, _) in zip(evaluations, rows, strict=True) if may_use(caller, node.namespace)]
    vouched = not stand_ins and not recalled and len(gone) < len(rows)
    issued = now()
    answer = promotion_pb2.CheckDeploymentResponse(
        allowed=vouched and all(each.verdict in _ALLOWED for each in evaluations),
        evaluations=visible,
        expire_time=to_timestamp(_expiry(evaluations, issued)),
        stand_ins=[str(name) for name in stand_ins if may_use(caller, name.node.namespace)],
        deleted_versions=[str(name) for name in gone if may_use(caller, name.node.namespace)],
        recalls=recalls.describe_reach(session, caller, recalled),
    )
    digests = {str(version_name(node, version)): version.digest for node, version in rows}
    fields = decision_fields(request, answer, digests, current_epoch(session), issued)
    answer.envelope.CopyFrom(registry.signer.sign(DECISION_TYPE, canonical_json(fields)))
    return answer


def _subjects(
    session: Session, caller: Caller, request: promotion_pb2.CheckDeploymentRequest
) -> Sequence[tuple[Node, Version]]:
    subject = request.WhichOneof("subject")
    if subject is None:
        raise invalid("subject", "give a version, a digest or a file_sha256", reason="REQUIRED_FIELD")
    if subject == "version":
        name = VersionName.parse(request.version, "version")
        check_namespace(caller, name.node.namespace)
        return [get_version(session, name, deleted=True)]
    digest = check_sha256(getattr(request, subject), subject)
    rows = _holders(session, subject, digest)
    if not any(may_use(caller, node.namespace) for node, _ in rows):
        raise not_found(f"a finalized version with {subject} {digest}")
    return rows


def _holders(session: Session, subject: str, digest: str) -> Sequence[tuple[Node, Version]]:
    query = select(Node, Version).join(Version, col(Version.node_id) == Node.id).where(Version.state == "ready")
    if subject == "digest":
        query = query.where(Version.digest == digest)
    else:
        query = query.where(col(Version.id).in_(select(File.version_id).where(File.sha256 == digest)))
    return session.exec(query.order_by(col(Version.id))).all()


def _stand_ins(session: Session, rows: Sequence[tuple[Node, Version]]) -> list[VersionName]:
    return sorted({name for _, version in rows for name in load_lineage(session, version).stand_ins}, key=str)


def _expiry(evaluations: Sequence[licensing_pb2.Evaluation], issued: int) -> int:
    ends = [each.valid_until.ToMicroseconds() for each in evaluations if each.HasField("valid_until")]
    return min([issued + ANSWER_VALID_MICROS, *ends])
