"""Bundles, duties and attestations in the words of the contract."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from sqlmodel import Session

from registry.clock import to_timestamp
from registry.context import Registry
from registry.duties.bundle import Bundle
from registry.duties.checking import Standing
from registry.duties.loading import Release
from registry.duties.records import attestation_name, attestations_in_force
from registry.duties.visibility import MaySee, sees
from registry.errors import etag
from registry.storage.lookup import names_of, version_name
from registry.storage.tables import Attestation, RecordedBundle
from registry.wire import enum_number
from spiritsafe.registry.v1 import duty_pb2, licensing_pb2


def bundle_message(release: Release, bundle: Bundle) -> duty_pb2.Bundle:
    """A bundle made just now, with its content."""
    return duty_pb2.Bundle(
        version=str(version_name(release.node, release.version)),
        version_digest=release.version.digest,
        context=enum_number(licensing_pb2.Context, release.context, "context"),
        outbound_license=release.outbound,
        distributed=release.distributed,
        obligations_digest=bundle.obligations_digest,
        files=[
            duty_pb2.BundleFile(path=path, content=content, sha256=hashlib.sha256(content).hexdigest())
            for path, content in bundle.files.items()
        ],
        missing=[
            duty_pb2.MissingText(path=each.path, license=each.license, duties=each.duties, detail=each.detail)
            for each in bundle.missing
        ],
    )


def recorded_message(registry: Registry, release: Release, row: RecordedBundle) -> duty_pb2.Bundle:
    """A recorded bundle, byte for byte as it was made. Raises NotFound when the store has lost a file."""
    return duty_pb2.Bundle(
        version=str(version_name(release.node, release.version)),
        version_digest=row.version_digest,
        context=enum_number(licensing_pb2.Context, row.context, "context"),
        outbound_license=row.outbound_license,
        distributed=row.distributed,
        obligations_digest=row.obligations_digest,
        files=[
            duty_pb2.BundleFile(
                path=file["path"], content=b"".join(registry.store.read(file["sha256"])), sha256=file["sha256"]
            )
            for file in row.files
        ],
        missing=[duty_pb2.MissingText(**each) for each in row.missing],
        recorder=row.recorder,
        record_time=to_timestamp(row.create_time),
    )


def duty_messages(
    session: Session, release: Release, found: Sequence[Standing], may_see: MaySee
) -> list[duty_pb2.Duty]:
    """Each duty with the newest attestation of it, and with the origins that may be seen."""
    words = attestations_in_force(session, release)
    return [_duty(session, each, words.get(each.duty.id), may_see) for each in found]


def _duty(session: Session, standing: Standing, word: Attestation | None, may_see: MaySee) -> duty_pb2.Duty:
    return duty_pb2.Duty(
        code=standing.duty.id,
        detail=standing.duty.detail,
        origins=[name for name in standing.duty.origins if sees(may_see, name)],
        confidence=standing.duty.confidence,
        state=enum_number(duty_pb2.DutyState, standing.state.value, "state"),
        finding=standing.finding,
        remedy=standing.remedy,
        attestation=attestation_message(session, word) if word is not None else None,
    )


def attestation_message(session: Session, row: Attestation) -> duty_pb2.Attestation:
    return duty_pb2.Attestation(
        name=attestation_name(row),
        version=str(names_of(session, [row.version_id])[row.version_id]),
        version_digest=row.version_digest,
        context=enum_number(licensing_pb2.Context, row.context, "context"),
        duty=row.duty,
        statement=row.statement,
        evidence_sha256=row.evidence_sha256,
        attester=row.attester,
        self_administered=row.self_administered,
        create_time=to_timestamp(row.create_time),
        revoke_time=to_timestamp(row.revoke_time),
        etag=etag(row.revision),
    )
