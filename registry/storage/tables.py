"""The registry's tables. Times are UTC microseconds since the epoch: exact and the same on every database."""

from __future__ import annotations

from typing import Any

from sqlalchemy import JSON, BigInteger, Column, Index, Text, UniqueConstraint
from sqlmodel import Field, SQLModel


class Node(SQLModel, table=True):
    """A named model or dataset."""

    __tablename__ = "nodes"
    __table_args__ = (UniqueConstraint("namespace", "collection", "slug"),)

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


class Version(SQLModel, table=True):
    """A numbered version; immutable once ``state`` is ready, but for the concluded licences."""

    __tablename__ = "versions"
    __table_args__ = (UniqueConstraint("node_id", "number"),)

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


class File(SQLModel, table=True):
    """One file of a version's manifest."""

    __tablename__ = "files"
    __table_args__ = (UniqueConstraint("version_id", "path"),)

    id: int | None = Field(default=None, primary_key=True)
    version_id: int = Field(foreign_key="versions.id", index=True)
    path: str
    size_bytes: int = Field(sa_type=BigInteger)
    sha256: str = Field(index=True)


class Edge(SQLModel, table=True):
    """A typed lineage edge from child to parent."""

    __tablename__ = "edges"
    __table_args__ = (UniqueConstraint("child_id", "type", "parent_id"),)

    id: int | None = Field(default=None, primary_key=True)
    child_id: int = Field(foreign_key="versions.id", index=True)
    type: str  # lower-case EdgeType
    parent_id: int = Field(foreign_key="versions.id", index=True)


class Review(SQLModel, table=True):
    """A question to a human about one reason of one version in one context, and the decision."""

    __tablename__ = "reviews"
    __table_args__ = (Index("ix_reviews_version_context", "version_id", "context"),)

    id: int | None = Field(default=None, primary_key=True)
    uid: str = Field(unique=True)
    namespace: str = Field(index=True)
    version_id: int = Field(foreign_key="versions.id")
    version_digest: str
    context: str
    code: str
    license: str
    origin_id: int = Field(foreign_key="versions.id")
    state: str = "open"
    requester: str
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
    __table_args__ = (UniqueConstraint("node_id", "context", "stage"),)

    id: int | None = Field(default=None, primary_key=True)
    node_id: int = Field(foreign_key="nodes.id")
    context: str
    stage: str
    # Empty until the first promotion succeeds.
    version_id: int | None = Field(default=None, foreign_key="versions.id")
    outbound_license: str = ""
    distributed: bool = False
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
    type: str
    actor: str
    resource: str = Field(index=True)
    details: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    create_time: int = Field(sa_type=BigInteger)
    previous_hash: str
    hash: str


class Request(SQLModel, table=True):
    """The answer given under a request id, so that a retry gets the same one (AIP-155)."""

    __tablename__ = "requests"

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
