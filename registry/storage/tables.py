"""The registry's tables. Times are UTC microseconds since the epoch: exact and the same on every database."""

from __future__ import annotations

from typing import Any

from sqlalchemy import JSON, BigInteger, Column, Index, Text, UniqueConstraint, text
from sqlmodel import Field, SQLModel

_DUE = text("purge_time IS NOT NULL")


class Node(SQLModel, table=True):
    """A named model or dataset."""

    __tablename__ = "nodes"
    __table_args__ = (
        UniqueConstraint("namespace", "collection", "slug"),
        Index("ix_nodes_purge_time", "purge_time", sqlite_where=_DUE, postgresql_where=_DUE),
    )

    id: int | None = Field(default=None, primary_key=True)
    uid: str = Field(unique=True)
    namespace: str
    collection: str  # models or datasets
    slug: str
    display_name: str
    description: str = Field(default="", sa_type=Text)
    tags: dict[str, str] = Field(default_factory=dict, sa_type=JSON)
    latest_version: int = 0
    creator: str
    create_time: int = Field(sa_type=BigInteger)
    update_time: int = Field(sa_type=BigInteger)
    revision: int = 1
    # Set while it is deleted, which hides its versions too; from purge_time on it is removed for good.
    delete_time: int | None = Field(default=None, sa_type=BigInteger)
    purge_time: int | None = Field(default=None, sa_type=BigInteger)


class Version(SQLModel, table=True):
    """A numbered version; immutable once ``state`` is ready, but for the concluded licences."""

    __tablename__ = "versions"
    __table_args__ = (
        UniqueConstraint("node_id", "number"),
        Index("ix_versions_purge_time", "purge_time", sqlite_where=_DUE, postgresql_where=_DUE),
    )

    id: int | None = Field(default=None, primary_key=True)
    uid: str = Field(unique=True)
    node_id: int = Field(foreign_key="nodes.id")
    number: int
    kind: str  # lower-case VersionKind
    state: str = "draft"
    description: str = Field(default="", sa_type=Text)
    tags: dict[str, str] = Field(default_factory=dict, sa_type=JSON)
    digest: str = Field(index=True)
    # A list of licence ids; SQL NULL where nothing is known.
    declared: list[str] | None = Field(default=None, sa_column=Column(JSON(none_as_null=True)))
    detected: list[str] | None = Field(default=None, sa_column=Column(JSON(none_as_null=True)))
    concluded: list[str] | None = Field(default=None, sa_column=Column(JSON(none_as_null=True)))
    imported: bool = False
    multimodal: bool = False
    base_family: str = ""
    source_repo: str = ""
    source_revision: str = ""
    lineage_completeness: str = ""
    stand_in: bool = False
    creator: str
    create_time: int = Field(sa_type=BigInteger)
    finalize_time: int | None = Field(default=None, sa_type=BigInteger)
    revision: int = 1
    # Licence-independent reach of every ancestor, see registry.licensing.exposures; stored at finalize.
    exposures: dict[str, Any] | None = Field(default=None, sa_column=Column(JSON(none_as_null=True)))
    # base_family values of the weight lineage, this version included.
    weight_families: list[str] = Field(default_factory=list, sa_type=JSON)
    # Set while it is deleted itself, as with a node.
    delete_time: int | None = Field(default=None, sa_type=BigInteger)
    purge_time: int | None = Field(default=None, sa_type=BigInteger)


class File(SQLModel, table=True):
    """One file of a version's manifest."""

    __tablename__ = "files"
    __table_args__ = (UniqueConstraint("version_id", "path"),)

    id: int | None = Field(default=None, primary_key=True)
    version_id: int = Field(foreign_key="versions.id", index=True)
    path: str
    size_bytes: int = Field(sa_type=BigInteger)
    sha256: str = Field(index=True)
    # The content lies at the version's source_repo, at source_revision; the store may hold it as well.
    external: bool = False


class Edge(SQLModel, table=True):
    """A typed lineage edge from child to parent."""

    __tablename__ = "edges"
    __table_args__ = (UniqueConstraint("child_id", "type", "parent_id"),)

    id: int | None = Field(default=None, primary_key=True)
    child_id: int = Field(foreign_key="versions.id", index=True)
    type: str  # lower-case EdgeType
    parent_id: int = Field(foreign_key="versions.id", index=True)


class NodeTerm(SQLModel, table=True):
    """A tag of a model or dataset, as registry.storage.search_terms numbers it."""

    __tablename__ = "node_terms"
    __table_args__ = (Index("ix_node_terms_node", "node_id"),)

    term: int = Field(primary_key=True, sa_type=BigInteger, sa_column_kwargs={"autoincrement": False})
    node_id: int = Field(primary_key=True, foreign_key="nodes.id")


class VersionTerm(SQLModel, table=True):
    """A tag or licence of a version, likewise."""

    __tablename__ = "version_terms"
    __table_args__ = (Index("ix_version_terms_version", "version_id"),)

    term: int = Field(primary_key=True, sa_type=BigInteger, sa_column_kwargs={"autoincrement": False})
    version_id: int = Field(primary_key=True, foreign_key="versions.id")


class Finding(SQLModel, table=True):
    """What a scan of a version's files found, and what a person concluded about it."""

    __tablename__ = "findings"
    __table_args__ = (
        UniqueConstraint("version_id", "code", "file", "subject"),
        Index("ix_findings_version_state", "version_id", "state"),
    )

    id: int | None = Field(default=None, primary_key=True)
    uid: str = Field(unique=True)
    namespace: str = Field(index=True)
    version_id: int = Field(foreign_key="versions.id")
    code: str  # a FindingCode
    file: str
    # What in the file it is about; with code and file it tells one finding of a version from another.
    subject: str = Field(sa_type=Text)
    # Where what was seen, by which detector and version, and how sure it is.
    detail: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    state: str = "open"
    reviewer: str = ""
    rationale: str = Field(default="", sa_type=Text)
    create_time: int = Field(sa_type=BigInteger)
    conclude_time: int | None = Field(default=None, sa_type=BigInteger)
    revision: int = 1


class Review(SQLModel, table=True):
    """A question to a human about one reason of one version in one context, and the decision."""

    __tablename__ = "reviews"
    __table_args__ = (
        Index("ix_reviews_version_context", "version_id", "context"),
        Index("ix_reviews_namespace_group", "namespace", "group_key"),
    )

    id: int | None = Field(default=None, primary_key=True)
    uid: str = Field(unique=True)
    namespace: str = Field(index=True)
    version_id: int = Field(foreign_key="versions.id")
    version_digest: str
    context: str
    code: str
    license: str
    origin_id: int = Field(foreign_key="versions.id")
    # What the reason was when the review was opened; empty on reviews from before these were kept.
    clause: str = Field(default="", sa_type=Text)
    path: list[str] = Field(default_factory=list, sa_type=JSON)
    group_key: str = ""
    state: str = "open"
    requester: str
    assignee: str = ""
    reviewer: str = ""
    rationale: str = Field(default="", sa_type=Text)
    evidence_sha256: str = ""
    questions: list[str] = Field(default_factory=list, sa_type=JSON)
    answers: list[str] = Field(default_factory=list, sa_type=JSON)
    self_administered: bool = False
    create_time: int = Field(sa_type=BigInteger)
    decide_time: int | None = Field(default=None, sa_type=BigInteger)
    expire_time: int | None = Field(default=None, sa_type=BigInteger)
    revision: int = 1


class Agreement(SQLModel, table=True):
    """A contract that waives one licensor's licence for named models, contexts and dates."""

    __tablename__ = "agreements"
    __table_args__ = (UniqueConstraint("namespace", "slug"),)

    id: int | None = Field(default=None, primary_key=True)
    namespace: str
    slug: str
    licensor: str
    license: str
    node_ids: list[int] = Field(default_factory=list, sa_type=JSON)
    contexts: list[str] = Field(default_factory=list, sa_type=JSON)
    start_time: int = Field(sa_type=BigInteger)
    end_time: int = Field(sa_type=BigInteger)
    evidence_sha256: str = ""
    reference: str = ""
    creator: str
    create_time: int = Field(sa_type=BigInteger)
    revoke_time: int | None = Field(default=None, sa_type=BigInteger)
    revision: int = 1


class CuratedEntry(SQLModel, table=True):
    """One revision of an organisation's own catalogue entry; the newest of an id holds. Rows are never changed."""

    __tablename__ = "catalog_entries"
    __table_args__ = (UniqueConstraint("hub_id_folded", "revision"),)

    id: int | None = Field(default=None, primary_key=True)
    hub_id_folded: str
    revision: int
    # The written form of registry.licensing.entry_form; SQL NULL where the curation was withdrawn.
    document: dict[str, Any] | None = Field(default=None, sa_column=Column(JSON(none_as_null=True)))
    reason: str = Field(sa_type=Text)
    creator: str
    create_time: int = Field(sa_type=BigInteger)


class PolicyRevision(SQLModel, table=True):
    """One revision of the policy; never changed. The newest is in force; with none, the policy as shipped."""

    __tablename__ = "policies"

    revision: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    settings: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    reason: str = Field(sa_type=Text)
    creator: str
    create_time: int = Field(sa_type=BigInteger)


class ProfileRevision(SQLModel, table=True):
    """One revision of a licence profile; never changed. The newest replaces the shipped profile of that id."""

    __tablename__ = "license_profiles"

    license_id: str = Field(primary_key=True)
    revision: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    document: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    reason: str = Field(sa_type=Text)
    creator: str
    create_time: int = Field(sa_type=BigInteger)


class LastVerdict(SQLModel, table=True):
    """The last known verdict of a finalized version in a context, its declared licences being the outbound ones."""

    __tablename__ = "verdicts"

    version_id: int = Field(primary_key=True, foreign_key="versions.id")
    context: str = Field(primary_key=True)
    verdict: str


class Reevaluation(SQLModel, table=True):
    """A run through the stored verdicts that a change of licence data reaches.

    It judges deployed versions first, then all; ``cursor`` is the last version id of the current phase.
    """

    __tablename__ = "reevaluations"

    id: int | None = Field(default=None, primary_key=True)
    # Of the audit event that caused it; none for verdicts from before they were kept.
    cause_sequence: int | None = Field(default=None, sa_type=BigInteger)
    epoch: int
    # registry.decisions.epoch.Reach
    reach: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    state: str = Field(default="queued", index=True)
    phase: str = "deployed"
    cursor: int = 0
    reached: int = 0
    evaluated: int = 0
    changed: int = 0
    create_time: int = Field(sa_type=BigInteger)
    start_time: int | None = Field(default=None, sa_type=BigInteger)
    end_time: int | None = Field(default=None, sa_type=BigInteger)


class EvaluationReport(SQLModel, table=True):
    """Paired counts of a version's weights and of their untouched base on held-out scenarios; never changed."""

    __tablename__ = "evaluation_reports"
    __table_args__ = (Index("ix_evaluation_reports_namespace_weights", "namespace", "weights_sha256"),)

    id: int | None = Field(default=None, primary_key=True)
    uid: str = Field(unique=True)
    namespace: str
    version_id: int = Field(foreign_key="versions.id")
    baseline_id: int = Field(foreign_key="versions.id")
    dataset_id: int = Field(foreign_key="versions.id")
    weights_sha256: str
    # Name and counts of each category; all other figures follow from the counts.
    categories: list[dict[str, Any]] = Field(default_factory=list, sa_type=JSON)
    creator: str
    create_time: int = Field(sa_type=BigInteger)


class Channel(SQLModel, table=True):
    """What a context x stage of one model or dataset holds now."""

    __tablename__ = "channels"
    __table_args__ = (UniqueConstraint("node_id", "context", "stage"), Index("ix_channels_version", "version_id"))

    id: int | None = Field(default=None, primary_key=True)
    node_id: int = Field(foreign_key="nodes.id")
    context: str
    stage: str
    # Empty until the first promotion succeeds.
    version_id: int | None = Field(default=None, foreign_key="versions.id")
    outbound_license: str = ""
    distributed: bool = False
    # The last known verdict of what it holds; empty where none was recorded yet.
    verdict: str = ""
    update_time: int = Field(sa_type=BigInteger)
    revision: int = 1


class Promotion(SQLModel, table=True):
    """One attempt at a channel with all that its gate saw."""

    __tablename__ = "promotions"
    __table_args__ = (UniqueConstraint("channel_id", "number"),)

    id: int | None = Field(default=None, primary_key=True)
    channel_id: int = Field(foreign_key="channels.id")
    number: int
    version_id: int = Field(foreign_key="versions.id")
    previous_version_id: int | None = Field(default=None, foreign_key="versions.id")
    outbound_license: str
    distributed: bool = False
    public_name: str
    state: str
    action: str
    checks: list[dict[str, Any]] = Field(default_factory=list, sa_type=JSON)
    evaluation: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    reviews: list[str] = Field(default_factory=list, sa_type=JSON)
    # Whole, with the figures that were shown then.
    evaluation_reports: list[dict[str, Any]] = Field(default_factory=list, sa_type=JSON)
    actor: str
    self_administered: bool = False
    create_time: int = Field(sa_type=BigInteger)
    # NAME@REVISION of each policy that held.
    channel_policies: list[str] = Field(default_factory=list, sa_type=JSON)
    approvals: list[str] = Field(default_factory=list, sa_type=JSON)
    break_glass: str = Field(default="", sa_type=Text)


class ChannelPolicyRevision(SQLModel, table=True):
    """One revision of what some channels require; the newest of an id holds. Rows are never changed."""

    __tablename__ = "channel_policies"
    __table_args__ = (UniqueConstraint("namespace", "slug", "revision"),)

    id: int | None = Field(default=None, primary_key=True)
    namespace: str
    slug: str
    revision: int
    # The message ChannelPolicy as JSON, without its output-only fields.
    document: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    retired: bool = False
    reason: str = Field(sa_type=Text)
    creator: str
    create_time: int = Field(sa_type=BigInteger)


class PromotionApproval(SQLModel, table=True):
    """A named person approves, or rejects, one exact release."""

    __tablename__ = "promotion_approvals"
    __table_args__ = (Index("ix_promotion_approvals_version", "version_id"),)

    id: int | None = Field(default=None, primary_key=True)
    uid: str = Field(unique=True)
    namespace: str
    version_id: int = Field(foreign_key="versions.id")
    context: str
    stage: str
    outbound_license: str
    decision: str  # approve or reject
    approver: str
    rationale: str = Field(sa_type=Text)
    create_time: int = Field(sa_type=BigInteger)
    expire_time: int = Field(sa_type=BigInteger)
    revoke_time: int | None = Field(default=None, sa_type=BigInteger)


class Signature(SQLModel, table=True):
    """A signature of a version's manifest digest, verified when it was attached."""

    __tablename__ = "signatures"
    __table_args__ = (UniqueConstraint("version_id", "key_id"),)

    id: int | None = Field(default=None, primary_key=True)
    version_id: int = Field(foreign_key="versions.id")
    key_id: str
    envelope: str = Field(sa_type=Text)  # DSSE as JSON
    public_key_pem: str = Field(sa_type=Text)
    creator: str
    create_time: int = Field(sa_type=BigInteger)


class RecalledVersion(SQLModel, table=True):
    """A recall of a version; in force until it is lifted."""

    __tablename__ = "recalls"
    __table_args__ = (Index("ix_recalls_version", "version_id"), Index("ix_recalls_lift_time", "lift_time"))

    id: int | None = Field(default=None, primary_key=True)
    uid: str = Field(unique=True)
    namespace: str
    version_id: int = Field(foreign_key="versions.id")
    severity: str
    reason: str = Field(sa_type=Text)
    advice: str = Field(default="", sa_type=Text)
    creator: str
    create_time: int = Field(sa_type=BigInteger)
    lift_time: int | None = Field(default=None, sa_type=BigInteger)
    lifter: str = ""
    lift_reason: str = Field(default="", sa_type=Text)
    revision: int = 1


class RecordedBundle(SQLModel, table=True):
    """The files that answer a version's obligations in one release of it, as they were made then; never changed."""

    __tablename__ = "recorded_bundles"
    __table_args__ = (Index("ix_recorded_bundles_version_context", "version_id", "context"),)

    id: int | None = Field(default=None, primary_key=True)
    version_id: int = Field(foreign_key="versions.id")
    version_digest: str
    context: str
    outbound_license: str
    distributed: bool = False
    obligations_digest: str
    # Path and SHA-256 of each file; the content is in the artifact store.
    files: list[dict[str, Any]] = Field(default_factory=list, sa_type=JSON)
    # Path, license, duties and detail of each text that it lacks.
    missing: list[dict[str, Any]] = Field(default_factory=list, sa_type=JSON)
    # The ids of the duties that it answers whole.
    complete: list[str] = Field(default_factory=list, sa_type=JSON)
    recorder: str
    create_time: int = Field(sa_type=BigInteger)


class BundleFile(SQLModel, table=True):
    """Content that a recorded bundle names, so that it is found by its digest."""

    __tablename__ = "bundle_files"

    bundle_id: int = Field(primary_key=True, foreign_key="recorded_bundles.id")
    sha256: str = Field(primary_key=True, index=True)


class Attestation(SQLModel, table=True):
    """A named person answers for one duty of one exact version in one context."""

    __tablename__ = "attestations"
    __table_args__ = (Index("ix_attestations_version_context", "version_id", "context"),)

    id: int | None = Field(default=None, primary_key=True)
    uid: str = Field(unique=True)
    namespace: str
    version_id: int = Field(foreign_key="versions.id")
    version_digest: str
    context: str
    duty: str  # CODE:license
    statement: str = Field(sa_type=Text)
    evidence_sha256: str = ""
    attester: str
    self_administered: bool = False
    create_time: int = Field(sa_type=BigInteger)
    revoke_time: int | None = Field(default=None, sa_type=BigInteger)
    revision: int = 1


class Token(SQLModel, table=True):
    """An API token: only the SHA-256 of its secret is kept."""

    __tablename__ = "tokens"

    id: int | None = Field(default=None, primary_key=True)
    uid: str = Field(unique=True)
    secret_sha256: str = Field(unique=True)
    identity: str
    roles: list[str] = Field(default_factory=list, sa_type=JSON)
    namespaces: list[str] = Field(default_factory=list, sa_type=JSON)
    creator: str
    create_time: int = Field(sa_type=BigInteger)
    expire_time: int | None = Field(default=None, sa_type=BigInteger)
    revoke_time: int | None = Field(default=None, sa_type=BigInteger)


class AuditEvent(SQLModel, table=True):
    """One event of the hash chain; ``sequence`` is dense and in commit order."""

    __tablename__ = "audit_events"

    sequence: int = Field(primary_key=True, sa_type=BigInteger, sa_column_kwargs={"autoincrement": False})
    type: str = Field(index=True)
    actor: str
    resource: str = Field(index=True)
    details: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    create_time: int = Field(sa_type=BigInteger)
    previous_hash: str
    hash: str


class Request(SQLModel, table=True):
    """The answer given under a request id, so that a retry gets the same one (AIP-155)."""

    __tablename__ = "requests"
    __table_args__ = (Index("ix_requests_create_time", "create_time"),)

    identity: str = Field(primary_key=True)
    method: str = Field(primary_key=True)
    request_id: str = Field(primary_key=True)
    fingerprint: str
    response: bytes
    create_time: int = Field(sa_type=BigInteger)


class Setting(SQLModel, table=True):
    """Facts about the registry itself: demo, embedded, licence epoch."""

    __tablename__ = "settings"

    key: str = Field(primary_key=True)
    value: str
