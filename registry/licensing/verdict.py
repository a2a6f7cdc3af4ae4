"""From terms to a verdict: the decision table, reviews, and the explanation of every reason."""

from __future__ import annotations

from dataclasses import dataclass

from registry.licensing.exposures import Path
from registry.licensing.policy import Policy
from registry.licensing.profiles import Catalogue
from registry.licensing.terms import TermSet
from registry.licensing.vocabulary import Context, NodeKind, ReasonStatus, TermStatus, Trigger, Verdict


@dataclass(frozen=True, slots=True)
class Subject:
    """The node that is judged. `name` is its public name, of which the part after the last `/` counts.

    `declared` are the licences it declares, from which the outbound licence follows when a deployment names none.
    """

    id: str
    kind: NodeKind
    name: str
    declared: tuple[str, ...] = ()
    base_family: str | None = None
    has_weights_parent: bool = False


@dataclass(frozen=True, slots=True)
class Approval:
    """A recorded review in force. None matches anything (used by what-if files only)."""

    code: str
    license: str | None = None
    origin: str | None = None
    context: Context | None = None


@dataclass(frozen=True, slots=True)
class Deployment:
    """How the subject is to be used: the outbound licences named, and facts about the licensee.

    `outbound` None means that none is named. `mau_over_threshold` is True for every capped licence, or the ids of those
    whose cap the licensee exceeded at the licence's date. Distribution is implied by the commercial context.
    """

    outbound: tuple[str, ...] | None = None
    distribute: bool = False
    licensee_in_eu: bool = False
    mau_over_threshold: bool | frozenset[str] = False
    policy: Policy = Policy()
    approvals: tuple[Approval, ...] = ()


@dataclass(frozen=True, slots=True)
class Reason:
    """Why the verdict is not a plain yes. `policy` names the setting that decided it, if one did."""

    code: str
    status: ReasonStatus
    licenses: tuple[str, ...]
    origin: str
    clause: str
    path: Path
    remedy: str
    term_status: TermStatus | None = None
    policy: str | None = None


@dataclass(frozen=True, slots=True)
class Obligation:
    """A duty. `id` is `CODE:license`, or `RECORDED_APPROVAL:<reason code>`."""

    code: str
    qualifier: str
    trigger: Trigger
    detail: str
    origins: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """The duty as scenario files and reports name it."""
        return f"{self.code}:{self.qualifier}"


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The verdict of one subject in one context, with all that led to it.

    `reasons` hold the denials (first) and the open reasons; `lifted` those that an approval lifted; `policy_influence` the
    policy settings that decided anything, each with its value.
    """

    context: Context
    verdict: Verdict
    reasons: tuple[Reason, ...]
    obligations: tuple[Obligation, ...]
    lifted: tuple[Reason, ...]
    policy_influence: tuple[tuple[str, str], ...]


def evaluate(
    subject: Subject, term_set: TermSet, context: Context, deployment: Deployment, catalogue: Catalogue
) -> Evaluation:
    """Judge a subject in a context. Terms must have been derived under the same policy and catalogue."""
    raise NotImplementedError


def explain(reason: Reason) -> str:
    """The reason as one plain sentence."""
    raise NotImplementedError
