"""Roles and the permissions that they give. The permissions are those that the contract's methods name.

Duties are kept apart: who publishes does not decide reviews, who decides does not publish, and only a releaser moves
channels. An administrator makes tokens and sets the rules (policy and licence profiles), and gets nothing else by it:
a reviewer who could write the policy would decide every question of a kind at once, without a second pair of eyes.
"""

from __future__ import annotations

from collections.abc import Iterable

_READ = frozenset(
    {
        "agreements.get",
        "agreements.list",
        "artifacts.download",
        "caller.get",
        "catalog.get",
        "catalog.list",
        "channel_policies.get",
        "channel_policies.list",
        "channels.get",
        "channels.list",
        "datasets.get",
        "datasets.list",
        "deployments.check",
        "duties.get",
        "duties.list",
        "evaluation_reports.get",
        "evaluation_reports.list",
        "evidence.get",
        "findings.get",
        "findings.list",
        "licenses.evaluate",
        "licenses.get",
        "licenses.list",
        "models.get",
        "models.list",
        "policies.get",
        "policies.list",
        "reevaluations.list",
        "reviews.get",
        "reviews.list",
        "runs.get",
        "runs.list",
        "verdicts.list",
        "versions.get",
        "versions.list",
    }
)

ROLES: dict[str, frozenset[str]] = {
    "reader": _READ,
    "publisher": _READ
    | {
        "artifacts.mirror",
        "artifacts.upload",
        "datasets.create",
        "datasets.delete",
        "datasets.undelete",
        "datasets.update",
        "duties.attest",
        "duties.record",
        "evaluation_reports.create",
        "findings.rescan",
        "imports.plan",
        "models.create",
        "models.delete",
        "models.undelete",
        "models.update",
        "reviews.request",
        "runs.create",
        "runs.plan",
        "versions.create",
        "versions.delete",
        "versions.sign",
        "versions.undelete",
        "versions.update",
    },
    "reviewer": _READ
    | {
        "agreements.create",
        "audit.list",
        "catalog.curate",
        "duties.attest",
        "findings.conclude",
        "findings.rescan",
        "licenses.conclude",
        "licenses.preview",
        "reviews.assign",
        "reviews.decide",
        "promotions.approve",
        "reviews.request",
        "versions.recall",
        "versions.sign",
    },
    "releaser": _READ
    | {
        "artifacts.mirror",
        "audit.list",
        "duties.record",
        "promotions.approve",
        "promotions.create",
        "reviews.request",
        "versions.recall",
        "versions.sign",
    },
    "admin": _READ
    | {
        "audit.list",
        "channel_policies.set",
        "licenses.preview",
        "licenses.revise",
        "promotions.break_glass",
        "policies.create",
        "store.check",
        "store.collect",
        "tokens.create",
        "tokens.list",
        "tokens.revoke",
    },
}


def permissions_of(roles: Iterable[str]) -> frozenset[str]:
    """The union of what the roles give. A role that this version does not know gives nothing."""
    return frozenset().union(*(ROLES.get(role, frozenset()) for role in roles))


def roles_with(permission: str) -> tuple[str, ...]:
    """The roles that give the permission, in alphabetical order."""
    return tuple(sorted(role for role, permissions in ROLES.items() if permission in permissions))
