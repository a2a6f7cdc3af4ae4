"""What a verdict is asked about, and what it says: subject, deployment, reasons, duties."""

from __future__ import annotations

from dataclasses import dataclass, field

from registry.licensing.exposures import Path
from registry.licensing.policy import Policy
from registry.licensing.vocabulary import LIFTABLE_CODES, Context, NodeKind, ReasonStatus, Trigger, Verdict


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

    def covers(self, reason: Reason, context: Context) -> bool:
        """Whether this review speaks of the reason in the context."""
        return (
            self.code == reason.code
            and self.license in (None, *reason.licenses)
            and self.origin in (None, reason.origin)
            and self.context in (None, context)
        )


@dataclass(frozen=True, slots=True)
class Deployment:
    """How the subject is to be used: the outbound licences named, and facts about the licensee.

    `outbound` None, and blank ids alone, mean that none is named. `mau_over_threshold` is True for every capped
    licence, or the ids of those whose cap the licensee exceeded at the licence's date. The commercial context always
    counts as distribution.
    """

    outbound: tuple[str, ...] | None = None
    distribute: bool = False
    licensee_in_eu: bool = False
    mau_over_threshold: bool | frozenset[str] = False
    policy: Policy = field(default_factory=Policy)
    approvals: tuple[Approval, ...] = ()


def is_distributed(context: Context, distribute: bool) -> bool:
    """Whether a use is distribution: in the commercial context always, elsewhere where the deployment says so."""
    return context is Context.COMMERCIAL or distribute


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
    policy: str | None = None

    @property
    def liftable(self) -> bool:
        """Whether a recorded review can lift it: an open reason of a contested code."""
        return self.status is ReasonStatus.OPEN and self.code in LIFTABLE_CODES


@dataclass(frozen=True, slots=True)
class Obligation:
    """A duty with what triggers it. `origins` are the nodes whose licence asks for it."""

    code: str
    qualifier: str
    trigger: Trigger
    detail: str
    origins: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """`CODE:license`, or `RECORDED_APPROVAL:<reason code>`."""
        return f"{self.code}:{self.qualifier}"


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The verdict of one subject in one context, with all that led to it.

    `reasons` hold the denials (first) and the open reasons, `lifted` those that an approval lifted. `policy_influence`
    names the settings that were asked, with their values: under other values the outcome might differ.
    """

    context: Context
    verdict: Verdict
    reasons: tuple[Reason, ...]
    obligations: tuple[Obligation, ...]
    lifted: tuple[Reason, ...]
    policy_influence: tuple[tuple[str, str], ...]
