"""What every document is made of: the records about one version and its lineage, and what follows from them today.

Pure data. Times are UTC microseconds since the epoch, names are resource names.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property

from registry.licensing.vocabulary import WEIGHTS_EDGES, EdgeType

DISCLAIMER = (
    "Not legal advice. This applies a written policy to recorded facts, shows its reasoning, and records who decided "
    "what. Contested questions need a person's judgement."
)
# Fields of the classes below that hold a time.
TIMES = frozenset(
    {
        "create_time",
        "decide_time",
        "expire_time",
        "start_time",
        "end_time",
        "revoke_time",
        "valid_until",
        "finalize_time",
        "time",
        "at",
    }
)


@dataclass(frozen=True, slots=True)
class FileFact:
    """One file of a manifest."""

    path: str
    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One version in the lineage. Licence lists are None where nothing is known, empty where it has none of its own.

    ``withheld``: it lies in a namespace that the reader may not see, so only what a lineage tells of it is here.
    """

    name: str
    short: str
    uid: str
    public_name: str
    number: int
    dataset: bool
    kind: str
    description: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    digest: str = ""
    declared: tuple[str, ...] | None = None
    detected: tuple[str, ...] | None = None
    concluded: tuple[str, ...] | None = None
    effective: tuple[str, ...] = ()
    imported: bool = False
    multimodal: bool = False
    base_family: str = ""
    source_repo: str = ""
    source_revision: str = ""
    lineage_completeness: str = ""
    stand_in: bool = False
    withheld: bool = False
    creator: str = ""
    create_time: int = 0
    finalize_time: int = 0
    files: tuple[FileFact, ...] = ()

    @property
    def licenses(self) -> tuple[str, ...]:
        """Every licence that is declared, detected or concluded, once each."""
        named = (*(self.declared or ()), *(self.detected or ()), *(self.concluded or ()), *self.effective)
        return tuple(dict.fromkeys(named))


@dataclass(frozen=True, slots=True)
class Link:
    """A typed edge from child to parent."""

    child: str
    type: EdgeType
    parent: str

    @property
    def over_weights(self) -> bool:
        return self.type in WEIGHTS_EDGES


@dataclass(frozen=True, slots=True)
class Clause:
    """One limitation (trigger empty) or condition of a licence, with the words of the profile about it."""

    code: str
    trigger: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LicenceFact:
    """A licence as its profile describes it. ``known`` is False for an id without a profile."""

    id: str
    known: bool
    spdx: str = ""
    hub: str = ""
    category: str = ""
    clauses: tuple[Clause, ...] = ()
    evidence: tuple[str, ...] = ()
    confidence: str = ""
    notes: str = ""


@dataclass(frozen=True, slots=True)
class ReasonFact:
    """Why a verdict is not a plain yes. ``policy`` is the setting that decided it, as ``nc_internal_use=review``."""

    code: str
    status: str
    licenses: tuple[str, ...]
    origin: str
    path: tuple[str, ...]
    clause: str
    remedy: str
    sentence: str
    confidence: str
    policy: str


@dataclass(frozen=True, slots=True)
class DutyFact:
    """An obligation and what triggers it."""

    code: str
    trigger: str
    detail: str


@dataclass(frozen=True, slots=True)
class EvaluationFact:
    """The verdict in one context, under a revision of the policy; 0 is the policy as shipped."""

    context: str
    outbound: str
    verdict: str
    reasons: tuple[ReasonFact, ...]
    duties: tuple[DutyFact, ...]
    valid_until: int | None
    policy_revision: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewFact:
    """A person's decision on one reason in one context; ``state`` as recorded."""

    name: str
    context: str
    code: str
    license: str
    origin: str
    state: str
    requester: str
    reviewer: str
    rationale: str
    evidence_sha256: str
    questions: tuple[str, ...]
    answers: tuple[str, ...]
    self_administered: bool
    create_time: int
    decide_time: int | None
    expire_time: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AgreementFact:
    """A contract that waives a licence for models of the lineage."""

    name: str
    licensor: str
    license: str
    contexts: tuple[str, ...]
    start_time: int
    end_time: int
    revoke_time: int | None
    evidence_sha256: str
    reference: str
    creator: str
    create_time: int


@dataclass(frozen=True, slots=True)
class ConclusionFact:
    """A person's conclusion about the licences of one version."""

    version: str
    licenses: tuple[str, ...]
    rationale: str
    actor: str
    time: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PromotionFact:
    """One attempt at a channel. ``failed`` are the checks that did not pass."""

    name: str
    channel: str
    action: str
    state: str
    verdict: str
    outbound: str
    failed: tuple[str, ...]
    reviews: tuple[str, ...]
    actor: str
    self_administered: bool
    time: int


@dataclass(frozen=True, slots=True)
class ScoreFact:
    """Counts of one category, and the difference of the two shares with its 95 % interval."""

    category: str
    count: int
    candidate_exact: int
    baseline_exact: int
    difference: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class MeasurementFact:
    """An evaluation report that holds for the subject."""

    name: str
    baseline: str
    dataset: str
    scores: tuple[ScoreFact, ...]
    creator: str
    time: int


@dataclass(frozen=True, kw_only=True)
class Dossier:
    """All of it. ``items`` start with the subject; ``node_tags`` are the tags of its model or dataset.

    ``outbound`` is the licence of release that was asked about; empty where none was named.
    """

    subject: str
    items: Mapping[str, Item]
    links: tuple[Link, ...]
    licences: Mapping[str, LicenceFact]
    evaluations: tuple[EvaluationFact, ...]
    reviews: tuple[ReviewFact, ...] = ()
    agreements: tuple[AgreementFact, ...] = ()
    conclusions: tuple[ConclusionFact, ...] = ()
    promotions: tuple[PromotionFact, ...] = ()
    measurements: tuple[MeasurementFact, ...] = ()
    outbound: str = ""
    node_description: str = ""
    node_tags: Mapping[str, str] = field(default_factory=dict)
    epoch: int = 1
    at: int = 0
    key_id: str = ""
    tool_version: str = ""

    @property
    def item(self) -> Item:
        """The subject."""
        return self.items[self.subject]

    @property
    def tags(self) -> dict[str, str]:
        """Tags of the model or dataset, and those of the version, which count where both have one."""
        return {**self.node_tags, **self.item.tags}

    @property
    def description(self) -> str:
        """That of the version, else that of its model or dataset."""
        return self.item.description or self.node_description

    def parents(self, child: str) -> Sequence[Link]:
        """The edges that leave an item."""
        return self._by_child.get(child, ())

    @cached_property
    def _by_child(self) -> Mapping[str, Sequence[Link]]:
        found: dict[str, list[Link]] = {}
        for link in self.links:
            found.setdefault(link.child, []).append(link)
        return found


def stamp(micros: int) -> str:
    """RFC 3339 in UTC with whole seconds: 2026-05-12T08:00:00Z."""
    return datetime.fromtimestamp(micros // 1_000_000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
