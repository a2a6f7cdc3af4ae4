"""The licensing core: how licence terms travel along lineage, and what follows for a use.

Pure: no database, clock or network. Lineage becomes exposures once (`inherit`); exposures become terms under the
licences of the day (`derive_terms`); terms become a verdict in a context (`evaluate`). Not legal advice: it applies a
written policy to recorded facts and leaves contested questions to a person.
"""

from registry.licensing.entries import KnownDataset, KnownEntry, KnownModel, KnownService
from registry.licensing.entry_form import EntryError
from registry.licensing.explanation import explain_evaluation
from registry.licensing.exposures import Crossings, Exposure, NodeExposures, Path, inherit
from registry.licensing.hub_vocabulary import profile_ids
from registry.licensing.models import load_entries, upstream_licenses
from registry.licensing.policy import Policy, PolicyError
from registry.licensing.profiles import Catalogue, Profile, ProfileError, load_profiles, parse_profile, profile_digests
from registry.licensing.scenario import ScenarioError, evaluate_scenarios
from registry.licensing.terms import Alert, OriginFacts, Term, TermSet, derive_terms
from registry.licensing.verdict import (
    Approval,
    Deployment,
    Evaluation,
    Obligation,
    Reason,
    Subject,
    evaluate,
    explain,
)
from registry.licensing.vocabulary import Context, EdgeType, NodeKind, ReasonCode, ReasonStatus, TermStatus, Verdict

__all__ = [
    "Alert",
    "Approval",
    "Catalogue",
    "Context",
    "Crossings",
    "Deployment",
    "EdgeType",
    "EntryError",
    "Evaluation",
    "Exposure",
    "KnownDataset",
    "KnownEntry",
    "KnownModel",
    "KnownService",
    "NodeExposures",
    "NodeKind",
    "Obligation",
    "OriginFacts",
    "Path",
    "Policy",
    "PolicyError",
    "Profile",
    "ProfileError",
    "Reason",
    "ReasonCode",
    "ReasonStatus",
    "ScenarioError",
    "Subject",
    "Term",
    "TermSet",
    "TermStatus",
    "Verdict",
    "derive_terms",
    "evaluate",
    "evaluate_scenarios",
    "explain",
    "explain_evaluation",
    "inherit",
    "load_entries",
    "load_profiles",
    "parse_profile",
    "profile_digests",
    "profile_ids",
    "upstream_licenses",
]
