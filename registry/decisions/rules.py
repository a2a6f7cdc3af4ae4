"""The rules of the day: the licence profiles and the policy that verdicts apply."""

from __future__ import annotations

from dataclasses import dataclass

from sqlmodel import Session

from registry.licensing import Catalogue, Policy, load_profiles


@dataclass(frozen=True, slots=True)
class Rules:
    """What turns recorded facts into terms and verdicts; the same for every version until licence data changes."""

    catalogue: Catalogue
    policy: Policy


def current_rules(_session: Session) -> Rules:
    """The rules as of the session's snapshot: the shipped profiles under the default policy."""
    return Rules(load_profiles(), Policy())
