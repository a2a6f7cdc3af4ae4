"""The rules of the day: the licence profiles and the policy that verdicts apply.

Profiles are the shipped ones under this registry's revisions; the policy is its newest revision, else the shipped one.
"""

from __future__ import annotations

from dataclasses import dataclass
from threading import Lock
from typing import Any
from weakref import WeakKeyDictionary

from sqlmodel import Session

from registry.decisions.epoch import current_epoch
from registry.decisions.policies import current_policy
from registry.decisions.profiles import latest_revisions
from registry.licensing import Catalogue, Policy, load_profiles, parse_profile


@dataclass(frozen=True, slots=True)
class Rules:
    """What turns recorded facts into terms and verdicts; the same for every version until licence data changes."""

    catalogue: Catalogue
    policy: Policy
    policy_revision: int = 0


# The newest rules of each open database with their epoch; a database has one engine for reading.
_known: WeakKeyDictionary[Any, tuple[int, Rules]] = WeakKeyDictionary()
_lock = Lock()


def current_rules(session: Session) -> Rules:
    """The rules as of the session's snapshot; kept in memory until the licence epoch advances."""
    if session.connection().get_execution_options().get("write", False):
        # Inside a write transaction the epoch may be one that is rolled back later: neither trust nor fill the cache.
        return _load(session)
    engine, epoch = session.get_bind(), current_epoch(session)
    with _lock:
        known_epoch, known = _known.get(engine, (0, None))
    if known is not None and known_epoch == epoch:
        return known
    rules = _load(session)
    with _lock:
        _known[engine] = (epoch, rules)
    return rules


def _load(session: Session) -> Rules:
    # Settings that a later version added have their default in documents from before.
    policy = current_policy(session)
    revised = latest_revisions(session).values()
    catalogue = load_profiles().extended(parse_profile(each.document) for each in revised)
    return Rules(catalogue, Policy.from_mapping(policy.settings), policy.revision)
